use std::collections::HashMap;

use proptest::prelude::*;

use super::sharded::is_due;
use super::*;
use crate::claims::{SessionId, TokenId};
use crate::clock::{Clock as _, ManualClock};

const NOW_MS: i64 = 1_790_000_000_000;
const NOW_S: i64 = NOW_MS / 1000;

/// A UUIDv7 of this time.
fn jti_at(ms: i64, tail: u8) -> TokenId {
    TokenId::new(ms, [tail; 10])
}

fn sid(number: u8) -> SessionId {
    SessionId::from_bytes(u128::from(number).to_be_bytes())
}

fn fact(kind: RevocationKind, id: &str, at: Option<i64>, exp: i64) -> RevocationFact {
    RevocationFact { kind, id: id.to_owned(), at, exp }
}

const USER: &str = "0198c5a0-1111-7222-8333-444455556666";

fn query(jti: TokenId) -> RevocationQuery<'static> {
    RevocationQuery {
        jti,
        sid: Some(sid(77)),
        sub: USER,
        client_id: "first-party",
        kid: "kid-1",
        exp: NOW_S + 900,
    }
}

#[test]
fn each_kind_is_found_and_no_other() {
    let jti = jti_at(NOW_MS, 1);
    let sid = sid(77).to_string();
    let cases = [
        (
            fact(RevocationKind::Jti, &jti.to_string(), None, NOW_S + 960),
            fact(RevocationKind::Jti, &sid, None, NOW_S + 960),
        ),
        (
            fact(RevocationKind::Sid, &sid, None, NOW_S + 960),
            fact(RevocationKind::Sid, &jti.to_string(), None, NOW_S + 960),
        ),
        (
            fact(RevocationKind::Sub, USER, Some(NOW_MS), NOW_S + 960),
            fact(RevocationKind::Sub, &USER.to_uppercase(), Some(NOW_MS), NOW_S + 960),
        ),
        (
            fact(RevocationKind::Client, "first-party", Some(NOW_MS), NOW_S + 960),
            fact(RevocationKind::Client, USER, Some(NOW_MS), NOW_S + 960),
        ),
        (
            fact(RevocationKind::Key, "kid-1", None, NOW_S + 960),
            fact(RevocationKind::Key, "first-party", None, NOW_S + 960),
        ),
    ];
    for (ours, other) in cases {
        let set = FactSet::new(ManualClock::at(NOW_MS));
        set.add(&other).unwrap();
        assert_eq!(set.check(&query(jti)), None, "{other:?}");
        set.add(&ours).unwrap();
        assert_eq!(set.check(&query(jti)), Some(ours.kind));
    }
}

#[test]
fn a_cut_spares_what_was_issued_later() {
    let set = FactSet::new(ManualClock::at(NOW_MS));
    set.add(&fact(RevocationKind::Sub, USER, Some(NOW_MS), NOW_S + 960)).unwrap();
    set.add(&fact(RevocationKind::Sub, USER, Some(NOW_MS - 5_000), NOW_S + 9_000)).unwrap();
    assert_eq!(
        set.check(&query(jti_at(NOW_MS, 5))),
        Some(RevocationKind::Sub),
        "the same millisecond is not later"
    );
    assert_eq!(set.check(&query(jti_at(NOW_MS + 1, 5))), None);
    assert_eq!(set.len(), 1);
}

#[test]
fn what_no_token_can_match_is_malformed() {
    let set = FactSet::new(ManualClock::at(NOW_MS));
    for bad in [
        fact(RevocationKind::Jti, "not-a-uuid", None, NOW_S),
        fact(RevocationKind::Sid, "", None, NOW_S),
        fact(RevocationKind::Sub, USER, None, NOW_S),
        fact(RevocationKind::Client, "a", None, NOW_S),
        fact(RevocationKind::Key, &"k".repeat(513), None, NOW_S),
    ] {
        assert_eq!(set.add(&bad), Err(InvalidRevocationFact), "{bad:?}");
    }
    assert_eq!(set.len(), 0);
}

#[test]
fn a_wall_clock_set_forward_and_back_forgets_nothing() {
    let clock = ManualClock::at(NOW_MS);
    let set = FactSet::new(clock.clone());
    let jti = jti_at(NOW_MS, 1);
    set.add(&fact(RevocationKind::Jti, &jti.to_string(), None, NOW_S + 960)).unwrap();
    set.sweep();
    clock.set_wall_ms(NOW_MS + 3_600_000);
    set.sweep();
    clock.set_wall_ms(NOW_MS);
    assert_eq!(set.check(&query(jti)), Some(RevocationKind::Jti));
}

#[test]
fn what_a_wrong_clock_made_forget_is_not_passed_off_as_live() {
    let clock = ManualClock::at(NOW_MS + 3_600_000);
    let set = FactSet::new(clock.clone());
    let jti = jti_at(NOW_MS, 1);
    set.add(&fact(RevocationKind::Jti, &jti.to_string(), None, NOW_S + 960)).unwrap();
    assert_eq!(
        set.check(&query(jti)),
        Some(RevocationKind::Jti),
        "an end that is past counts until the sweep"
    );
    assert!(!set.may_have_forgotten(&query(jti)));
    set.sweep();
    clock.set_wall_ms(NOW_MS);
    assert_eq!((set.check(&query(jti)), set.len()), (None, 0));
    assert!(set.may_have_forgotten(&query(jti)));
    assert!(
        !set.may_have_forgotten(&RevocationQuery { exp: NOW_S + 7_200, ..query(jti) }),
        "tokens issued later are not revoked"
    );
}

const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_fact_that_never_ends_ends() {
    let clock = ManualClock::at(NOW_MS);
    let set = FactSet::new(clock.clone());
    set.add(&fact(RevocationKind::Key, "kid-1", None, 4_102_444_800)).unwrap();
    let session = fact(RevocationKind::Sid, &sid(77).to_string(), None, i64::MAX);
    set.add(&session).unwrap();
    let good = |clock: &ManualClock| jti_at(clock.now_ms(), 1);
    assert_eq!(set.check(&query(good(&clock))), Some(RevocationKind::Sid));
    clock.advance_ms(24 * HOUR_MS);
    set.sweep();
    set.add(&session).unwrap();
    assert_eq!(set.check(&query(good(&clock))), Some(RevocationKind::Sid), "longer than any token lives");
    clock.advance_ms(HOUR_MS);
    set.sweep();
    assert_eq!(
        set.check(&query(good(&clock))),
        Some(RevocationKind::Key),
        "reading it again does not prolong it"
    );
    clock.advance_ms(29 * 24 * HOUR_MS);
    set.sweep();
    assert_eq!(set.check(&query(good(&clock))), Some(RevocationKind::Key), "longer than any key set serves");
    clock.advance_ms(24 * HOUR_MS);
    set.sweep();
    assert_eq!((set.check(&query(good(&clock))), set.len()), (None, 0));
}

#[test]
fn a_cut_in_the_future_ends_though_honest_cuts_follow_it() {
    let clock = ManualClock::at(NOW_MS);
    let set = FactSet::new(clock.clone());
    let cut = |clock: &ManualClock, ahead: i64, life: i64| {
        fact(RevocationKind::Sub, USER, Some(clock.now_ms() + ahead), clock.now_seconds() + life)
    };
    set.add(&cut(&clock, 10_000 * i64::try_from(HOUR_MS).unwrap(), 960)).unwrap();
    for _ in 0..25 {
        assert_eq!(set.check(&query(jti_at(clock.now_ms() + 2_000, 1))), Some(RevocationKind::Sub));
        // The user signs out of all sessions once an hour.
        set.add(&cut(&clock, 1_000, 960)).unwrap();
        clock.advance_ms(HOUR_MS);
        set.sweep();
    }
    let honest = cut(&clock, 1_000, 960);
    set.add(&honest).unwrap();
    assert_eq!(set.check(&query(jti_at(clock.now_ms() + 2_000, 1))), None);
    assert_eq!(
        set.check(&query(jti_at(clock.now_ms() + 1_000, 1))),
        Some(RevocationKind::Sub),
        "the issuer's own cut counts"
    );
}

#[test]
fn in_plain_running_no_unexpired_token_is_doubted() {
    let clock = ManualClock::at(NOW_MS);
    let set = FactSet::new(clock.clone());
    for step in 0..600_i64 {
        let now = clock.now_seconds();
        set.add(&fact(RevocationKind::Jti, &jti_at(now * 1000, 9).to_string(), None, now + step % 7 * 100))
            .unwrap();
        clock.advance_ms(10_000);
        set.sweep();
        let oldest = RevocationQuery { exp: clock.now_seconds() - 30, ..query(jti_at(1, 1)) };
        assert!(!set.may_have_forgotten(&oldest), "a token at the edge of the widest leeway");
    }
    assert!(set.len() < 100, "expired facts go: {}", set.len());
}

type Id = (RevocationKind, String);

/// The reference implementation: two maps of facts (cut, end) and the rules.
#[derive(Default)]
struct Naive {
    ordinary: HashMap<Id, (i64, i64)>,
    /// Facts that claim more than the issuer's. They expire by the boot clock.
    excessive: HashMap<Id, (i64, i64)>,
}

impl Naive {
    fn add(&mut self, fact: &RevocationFact, now_ms: i64, boot_s: i64) {
        let (id, cut) = ((fact.kind, fact.id.clone()), fact.at.unwrap_or(i64::MAX));
        let longest =
            if fact.kind == RevocationKind::Key { 31 * 86_400 } else { 25 * 3_600 } - SWEPT_LATE_BY_S;
        let ahead = fact.at.is_some_and(|at| at > now_ms + MAX_CUT_AHEAD_MS);
        if ahead || fact.exp > now_ms.div_euclid(1_000) + longest {
            if self.excessive.get(&id).is_none_or(|(standing, _)| cut > *standing) {
                self.excessive.insert(id, (cut, boot_s + longest));
            }
            return;
        }
        let standing = self.ordinary.entry(id).or_insert((i64::MIN, 0));
        standing.0 = standing.0.max(cut);
        standing.1 = standing.1.max(fact.exp);
    }

    fn sweep(&mut self, now_s: i64, boot_s: i64) {
        let time = |s: i64| u32::try_from(s.max(0)).unwrap_or(u32::MAX);
        self.ordinary.retain(|_, (_, exp)| !is_due(time(*exp), time(now_s - KEPT_PAST_END_S)));
        self.excessive.retain(|_, (_, end)| !is_due(time(*end), time(boot_s)));
    }

    fn len(&self) -> usize {
        self.ordinary.len() + self.excessive.len()
    }

    fn check(&self, query: &RevocationQuery<'_>) -> Option<RevocationKind> {
        let sid = query.sid.map(|sid| sid.to_string());
        let ids = [
            (RevocationKind::Jti, Some(query.jti.to_string())),
            (RevocationKind::Sid, sid),
            (RevocationKind::Sub, Some(query.sub.to_owned())),
            (RevocationKind::Client, Some(query.client_id.to_owned())),
            (RevocationKind::Key, Some(query.kid.to_owned())),
        ];
        let found = |facts: &HashMap<Id, (i64, i64)>| {
            let hit = |(kind, id): &&(RevocationKind, Option<String>)| {
                let cut = id.clone().and_then(|id| facts.get(&(*kind, id)));
                cut.is_some_and(|(cut, _)| query.jti.time_ms() <= *cut)
            };
            ids.iter().find(hit).map(|(kind, _)| *kind)
        };
        found(&self.ordinary).or_else(|| found(&self.excessive))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(RevocationFact),
    Pass(u64),
    SetWall(i64),
    Resync,
}

fn ids() -> impl Strategy<Value = (RevocationKind, String)> {
    let number = 0..6_u8;
    prop_oneof![
        number
            .clone()
            .prop_map(|n| (RevocationKind::Jti, jti_at(NOW_MS + 1_000 * i64::from(n), n).to_string())),
        number.clone().prop_map(|n| (RevocationKind::Sid, sid(n).to_string())),
        number.clone().prop_map(|n| (RevocationKind::Sub, sid(n).to_string())),
        number.clone().prop_map(|n| (RevocationKind::Sub, format!("client-{n}"))),
        number.clone().prop_map(|n| (RevocationKind::Client, format!("client-{n}"))),
        number.prop_map(|n| (RevocationKind::Key, format!("key-{n}"))),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let at = prop_oneof![4 => -3_000..9_000_i64, 1 => 200_000..400_000_i64, 1 => Just(i64::MAX / 2)];
    let exp = prop_oneof![4 => 0..4_000_i64, 1 => 80_000..100_000_i64, 1 => 2_000_000..9_000_000_i64];
    let add = (ids(), at, exp).prop_map(|((kind, id), at, exp)| {
        Step::Add(fact(kind, &id, kind.has_cut().then_some(NOW_MS + at), NOW_S + exp))
    });
    prop_oneof![
        6 => add,
        2 => (0..400_000_u64).prop_map(Step::Pass),
        1 => (0..3_000_000_000_u64).prop_map(Step::Pass),
        1 => (-500_000..500_000_i64).prop_map(Step::SetWall),
        1 => Just(Step::Resync),
    ]
}

fn tokens() -> impl Iterator<Item = RevocationQuery<'static>> {
    const SUBS: [&str; 4] = [
        "00000000-0000-0000-0000-000000000002",
        "client-1",
        "client-3",
        "00000000-0000-0000-0000-000000000005",
    ];
    (0..6_u8).flat_map(|n| SUBS.map(|sub| (n, sub))).map(|(n, sub)| RevocationQuery {
        jti: jti_at(NOW_MS + 1_000 * i64::from(n), n),
        sid: (n != 3).then(|| sid(n)),
        sub,
        client_id: if n % 2 == 0 { "client-1" } else { "client-2" },
        kid: if n < 5 { "key-0" } else { "key-4" },
        exp: NOW_S + 900,
    })
}

proptest! {
    #[test]
    fn the_set_is_a_plain_set(steps in prop::collection::vec(steps(), 1..60)) {
        let clock = ManualClock::at(NOW_MS);
        let set = FactSet::new(clock.clone());
        let (mut naive, mut known, mut horizon) = (Naive::default(), Vec::new(), Horizon::default());
        let boot_s = || i64::try_from(clock.boot_ms() / 1_000).unwrap();
        for step in steps {
            match step {
                Step::Add(fact) => {
                    set.add(&fact).unwrap();
                    naive.add(&fact, clock.now_ms(), boot_s());
                    known.push(fact);
                }
                Step::Pass(ms) => clock.advance_ms(ms),
                Step::SetWall(by) => clock.set_wall_ms(NOW_MS + by),
                Step::Resync => for fact in &known {
                    set.add(fact).unwrap();
                    naive.add(fact, clock.now_ms(), boot_s());
                },
            }
            set.sweep();
            naive.sweep(horizon.observe(clock.now_ms(), clock.boot_ms()).div_euclid(1000), boot_s());
            for query in tokens() {
                prop_assert_eq!(set.check(&query), naive.check(&query));
            }
            prop_assert_eq!(set.len(), naive.len());
        }
    }

    /// No fact, whatever it claims, is kept for longer than its kind may count.
    #[test]
    fn no_write_counts_for_longer_than_its_kind_may(
        (kind, id) in ids(),
        at in prop_oneof![NOW_MS - 9_000..NOW_MS + 9_000, NOW_MS..i64::MAX],
        exp in prop_oneof![NOW_S..NOW_S + 4_000_000, NOW_S..i64::MAX],
    ) {
        let clock = ManualClock::at(NOW_MS);
        let set = FactSet::new(clock.clone());
        let written = fact(kind, &id, kind.has_cut().then_some(at), exp);
        set.add(&written).unwrap();
        clock.advance_ms(u64::try_from(kind.counts_for_s()).unwrap() * 1_000);
        set.sweep();
        prop_assert_eq!(set.len(), 0, "{:?}", written);
    }

    /// The longest time for which a fact is needed: a token that lives for a day is revoked at once, and the clocks are
    /// a minute apart. A key's fact is needed for as long as the oldest key set may be used.
    #[test]
    fn what_the_issuer_revokes_is_refused_for_as_long_as_it_could_live(
        (kind, id) in ids(),
        apart_s in -60..60_i64,
        ran_behind_s in prop_oneof![Just(0_i64), 0..2_000_000_000_i64],
    ) {
        let needed_s = if kind == RevocationKind::Key { 30 * 86_400 } else { 86_400 };
        // The verifier's clock may be wrong when the fact arrives; it is corrected afterwards.
        let clock = ManualClock::at(NOW_MS + apart_s * 1_000 - ran_behind_s * 1_000);
        let set = FactSet::new(clock.clone());
        set.add(&fact(kind, &id, kind.has_cut().then_some(NOW_MS + 60_000), NOW_S + needed_s + 60)).unwrap();
        clock.set_wall_ms(NOW_MS + apart_s * 1_000);
        for _ in 0..24 {
            set.sweep();
            prop_assert_eq!(set.len(), 1);
            clock.advance_ms(u64::try_from(needed_s * 1_000 / 24).unwrap());
        }
        set.sweep();
        prop_assert_eq!(set.len(), 1);
    }
}

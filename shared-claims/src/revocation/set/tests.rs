use std::collections::HashMap;

use proptest::prelude::*;

use super::sharded::is_due;
use super::*;
use crate::claims::SessionId;
use crate::clock::{Clock as _, ManualClock};

const NOW_MS: i64 = 1_790_000_000_000;
const NOW_S: i64 = NOW_MS / 1000;

/// A UUIDv7 of that moment.
fn jti_at(ms: i64, tail: u8) -> TokenId {
    TokenId::new(ms, [tail; 10])
}

fn sid(number: u8) -> SessionId {
    SessionId::from_bytes(u128::from(number).to_be_bytes())
}

fn fact(kind: Kind, id: &str, at: Option<i64>, exp: i64) -> Fact {
    Fact { kind, id: id.to_owned(), at, exp }
}

const USER: &str = "0198c5a0-1111-7222-8333-444455556666";

fn marks(jti: TokenId) -> Marks<'static> {
    Marks { jti, sid: Some(sid(77)), sub: USER, client_id: "first-party", kid: "kid-1", exp: NOW_S + 900 }
}

#[test]
fn each_kind_is_found_and_no_other() {
    let jti = jti_at(NOW_MS, 1);
    let sid = sid(77).to_string();
    let cases = [
        (fact(Kind::Jti, &jti.to_string(), None, NOW_S + 960), fact(Kind::Jti, &sid, None, NOW_S + 960)),
        (fact(Kind::Sid, &sid, None, NOW_S + 960), fact(Kind::Sid, &jti.to_string(), None, NOW_S + 960)),
        (
            fact(Kind::Sub, USER, Some(NOW_MS), NOW_S + 960),
            fact(Kind::Sub, &USER.to_uppercase(), Some(NOW_MS), NOW_S + 960),
        ),
        (
            fact(Kind::Client, "first-party", Some(NOW_MS), NOW_S + 960),
            fact(Kind::Client, USER, Some(NOW_MS), NOW_S + 960),
        ),
        (fact(Kind::Key, "kid-1", None, NOW_S + 960), fact(Kind::Key, "first-party", None, NOW_S + 960)),
    ];
    for (ours, other) in cases {
        let set = FactSet::new(ManualClock::at(NOW_MS));
        set.add(&other).unwrap();
        assert_eq!(set.check(&marks(jti)), None, "{other:?}");
        set.add(&ours).unwrap();
        assert_eq!(set.check(&marks(jti)), Some(ours.kind));
    }
}

#[test]
fn a_cut_spares_what_was_issued_later() {
    let set = FactSet::new(ManualClock::at(NOW_MS));
    set.add(&fact(Kind::Sub, USER, Some(NOW_MS), NOW_S + 960)).unwrap();
    set.add(&fact(Kind::Sub, USER, Some(NOW_MS - 5_000), NOW_S + 9_000)).unwrap();
    assert_eq!(set.check(&marks(jti_at(NOW_MS, 5))), Some(Kind::Sub), "the same millisecond is not later");
    assert_eq!(set.check(&marks(jti_at(NOW_MS + 1, 5))), None);
    assert_eq!(set.len(), 1);
}

#[test]
fn what_no_token_can_match_is_malformed() {
    let set = FactSet::new(ManualClock::at(NOW_MS));
    for bad in [
        fact(Kind::Jti, "not-a-uuid", None, NOW_S),
        fact(Kind::Sid, "", None, NOW_S),
        fact(Kind::Sub, USER, None, NOW_S),
        fact(Kind::Client, "a", None, NOW_S),
        fact(Kind::Key, &"k".repeat(513), None, NOW_S),
    ] {
        assert_eq!(set.add(&bad), Err(MalformedFact), "{bad:?}");
    }
    assert_eq!(set.len(), 0);
}

#[test]
fn a_wall_clock_set_forward_and_back_forgets_nothing() {
    let clock = ManualClock::at(NOW_MS);
    let set = FactSet::new(clock.clone());
    let jti = jti_at(NOW_MS, 1);
    set.add(&fact(Kind::Jti, &jti.to_string(), None, NOW_S + 960)).unwrap();
    set.sweep();
    clock.set_wall_ms(NOW_MS + 3_600_000);
    set.sweep();
    clock.set_wall_ms(NOW_MS);
    assert_eq!(set.check(&marks(jti)), Some(Kind::Jti));
}

#[test]
fn what_a_wrong_clock_made_forget_is_not_passed_off_as_live() {
    let clock = ManualClock::at(NOW_MS + 3_600_000);
    let set = FactSet::new(clock.clone());
    let jti = jti_at(NOW_MS, 1);
    set.add(&fact(Kind::Jti, &jti.to_string(), None, NOW_S + 960)).unwrap();
    assert_eq!(set.check(&marks(jti)), Some(Kind::Jti), "an end that is past counts until the sweep");
    assert!(!set.may_have_forgotten(&marks(jti)));
    set.sweep();
    clock.set_wall_ms(NOW_MS);
    assert_eq!((set.check(&marks(jti)), set.len()), (None, 0));
    assert!(set.may_have_forgotten(&marks(jti)));
    assert!(
        !set.may_have_forgotten(&Marks { exp: NOW_S + 7_200, ..marks(jti) }),
        "later tokens are none of its facts"
    );
}

#[test]
fn in_plain_running_no_unexpired_token_is_doubted() {
    let clock = ManualClock::at(NOW_MS);
    let set = FactSet::new(clock.clone());
    for step in 0..600_i64 {
        let now = clock.now_seconds();
        set.add(&fact(Kind::Jti, &jti_at(now * 1000, 9).to_string(), None, now + step % 7 * 100)).unwrap();
        clock.advance_ms(10_000);
        set.sweep();
        let oldest = Marks { exp: clock.now_seconds() - 30, ..marks(jti_at(1, 1)) };
        assert!(!set.may_have_forgotten(&oldest), "a token at the edge of the widest leeway");
    }
    assert!(set.len() < 100, "expired facts go: {}", set.len());
}

/// What the set is held equal to: a list of facts and the two rules.
#[derive(Default)]
struct Naive(HashMap<(Kind, String), (i64, i64)>);

impl Naive {
    fn add(&mut self, fact: &Fact) {
        let standing = self.0.entry((fact.kind, fact.id.clone())).or_insert((i64::MIN, 0));
        standing.0 = standing.0.max(fact.at.unwrap_or(i64::MAX));
        standing.1 = standing.1.max(fact.exp);
    }

    fn sweep(&mut self, now_s: i64) {
        let time = |s: i64| u32::try_from(s).unwrap();
        self.0.retain(|_, (_, exp)| !is_due(time(*exp), time(now_s - KEPT_PAST_END_S)));
    }

    fn check(&self, marks: &Marks<'_>) -> Option<Kind> {
        let sid = marks.sid.map(|sid| sid.to_string());
        let ids = [
            (Kind::Jti, Some(marks.jti.to_string())),
            (Kind::Sid, sid),
            (Kind::Sub, Some(marks.sub.to_owned())),
            (Kind::Client, Some(marks.client_id.to_owned())),
            (Kind::Key, Some(marks.kid.to_owned())),
        ];
        let hit = |(kind, id): &(Kind, Option<String>)| {
            let cut = id.clone().and_then(|id| self.0.get(&(*kind, id)));
            cut.is_some_and(|(cut, _)| marks.jti.time_ms() <= *cut)
        };
        ids.into_iter().find(hit).map(|(kind, _)| kind)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Fact),
    Pass(u64),
    SetWall(i64),
    Resync,
}

fn ids() -> impl Strategy<Value = (Kind, String)> {
    let number = 0..6_u8;
    prop_oneof![
        number.clone().prop_map(|n| (Kind::Jti, jti_at(NOW_MS + 1_000 * i64::from(n), n).to_string())),
        number.clone().prop_map(|n| (Kind::Sid, sid(n).to_string())),
        number.clone().prop_map(|n| (Kind::Sub, sid(n).to_string())),
        number.clone().prop_map(|n| (Kind::Sub, format!("client-{n}"))),
        number.clone().prop_map(|n| (Kind::Client, format!("client-{n}"))),
        number.prop_map(|n| (Kind::Key, format!("key-{n}"))),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let add = (ids(), -3_000..9_000_i64, 0..4_000_i64).prop_map(|((kind, id), at, exp)| {
        Step::Add(fact(kind, &id, kind.has_cut().then_some(NOW_MS + at), NOW_S + exp))
    });
    prop_oneof![
        6 => add,
        2 => (0..400_000_u64).prop_map(Step::Pass),
        1 => (-500_000..500_000_i64).prop_map(Step::SetWall),
        1 => Just(Step::Resync),
    ]
}

fn tokens() -> impl Iterator<Item = Marks<'static>> {
    const SUBS: [&str; 4] = [
        "00000000-0000-0000-0000-000000000002",
        "client-1",
        "client-3",
        "00000000-0000-0000-0000-000000000005",
    ];
    (0..6_u8).flat_map(|n| SUBS.map(|sub| (n, sub))).map(|(n, sub)| Marks {
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
        for step in steps {
            match step {
                Step::Add(fact) => {
                    set.add(&fact).unwrap();
                    naive.add(&fact);
                    known.push(fact);
                }
                Step::Pass(ms) => clock.advance_ms(ms),
                Step::SetWall(by) => clock.set_wall_ms(NOW_MS + by),
                Step::Resync => for fact in &known {
                    set.add(fact).unwrap();
                    naive.add(fact);
                },
            }
            set.sweep();
            naive.sweep(horizon.observe(clock.now_ms(), clock.boot_ms()).div_euclid(1000));
            for marks in tokens() {
                prop_assert_eq!(set.check(&marks), naive.check(&marks));
            }
            prop_assert_eq!(set.len(), naive.0.len());
        }
    }
}

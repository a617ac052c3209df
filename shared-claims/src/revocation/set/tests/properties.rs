//! Property tests: the set behaves as a plain set of facts with an end.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::sharded::is_due;
use super::*;

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
            if self.excessive.get(&id).is_none_or(|(current, _)| cut > *current) {
                self.excessive.insert(id, (cut, boot_s + longest));
            }
            return;
        }
        let current = self.ordinary.entry(id).or_insert((i64::MIN, 0));
        current.0 = current.0.max(cut);
        current.1 = current.1.max(fact.exp);
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
    Wait(u64),
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
        2 => (0..400_000_u64).prop_map(Step::Wait),
        1 => (0..3_000_000_000_u64).prop_map(Step::Wait),
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
        let (mut naive, mut known, mut slowest_clock) = (Naive::default(), Vec::new(), SlowestClock::default());
        let boot_s = || i64::try_from(clock.boot_ms() / 1_000).unwrap();
        for step in steps {
            match step {
                Step::Add(fact) => {
                    set.add(&fact).unwrap();
                    naive.add(&fact, clock.now_ms(), boot_s());
                    known.push(fact);
                }
                Step::Wait(ms) => clock.advance_ms(ms),
                Step::SetWall(by) => clock.set_wall_ms(NOW_MS + by),
                Step::Resync => for fact in &known {
                    set.add(fact).unwrap();
                    naive.add(fact, clock.now_ms(), boot_s());
                },
            }
            set.sweep();
            naive.sweep(slowest_clock.observe(clock.now_ms(), clock.boot_ms()).div_euclid(1000), boot_s());
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

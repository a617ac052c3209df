//! Tests of the counters of attempts.

use super::*;

const RATE: CounterRule = CounterRule::Rate { calls: 3, per_ms: 60_000 };
const WINDOW: CounterRule = CounterRule::Window { failures: 3, counts_ms: 900_000 };
const NOW: i64 = 1_000_000_000;

fn fail_at(counter: &mut AttemptCounter, rule: CounterRule, id: u64, now_ms: i64) -> bool {
    assert_eq!(counter.verdict(rule, now_ms), Verdict::Free);
    counter.begin(AttemptId(id), now_ms);
    counter.fail(rule, AttemptId(id), now_ms)
}

#[test]
fn failures_fill_a_window_until_the_first_of_them_ends() {
    let mut counter = AttemptCounter::default();
    let filled: Vec<bool> = (0..3).map(|n| fail_at(&mut counter, WINDOW, n, NOW + n.cast_signed())).collect();
    assert_eq!(filled, [false, false, true]);
    assert_eq!(counter.verdict(WINDOW, NOW + 5), Verdict::Full { until_ms: NOW + 900_000 });
    assert_eq!(counter.verdict(WINDOW, NOW + 900_000), Verdict::Free);
    assert!(fail_at(&mut counter, WINDOW, 9, NOW + 900_000), "the second and the third still count");
}

#[test]
fn a_rate_has_room_again_after_its_interval() {
    let mut counter = AttemptCounter::default();
    let filled: Vec<bool> = (0..3).map(|n| fail_at(&mut counter, RATE, n, NOW)).collect();
    assert_eq!(filled, [false, false, true]);
    assert_eq!(counter.verdict(RATE, NOW), Verdict::Full { until_ms: NOW + 20_000 });
    assert_eq!(counter.verdict(RATE, NOW + 19_999), Verdict::Full { until_ms: NOW + 20_000 });
    assert_eq!(counter.verdict(RATE, NOW + 20_000), Verdict::Free);
    assert_eq!(counter.remaining(RATE, NOW), Remaining { limit: 3, left: 0, empty_at_ms: NOW + 60_000 });
}

#[test]
fn attempts_under_way_are_waited_for_and_end_by_themselves() {
    for rule in [RATE, WINDOW] {
        let mut counter = AttemptCounter::default();
        for id in 0..3 {
            assert_eq!(counter.verdict(rule, NOW), Verdict::Free);
            counter.begin(AttemptId(id), NOW);
        }
        assert_eq!(counter.verdict(rule, NOW + 1), Verdict::UnderWay { until_ms: NOW + UNDER_WAY_MS });
        counter.give_back(AttemptId(1));
        assert_eq!(counter.verdict(rule, NOW + 1), Verdict::Free);
        assert!(counter.is_empty(rule, NOW + UNDER_WAY_MS));
    }
}

#[test]
fn nothing_counts_longer_because_the_clock_was_set_back() {
    for rule in [RATE, WINDOW] {
        let mut counter = AttemptCounter::default();
        for id in 0..3 {
            fail_at(&mut counter, rule, id, NOW);
        }
        let back = NOW - 100_000_000;
        assert!(
            matches!(counter.verdict(rule, back), Verdict::Full { until_ms } if until_ms <= back + 900_000)
        );
        assert!(counter.is_empty(rule, back + 900_000));
    }
}

#[test]
fn bytes_are_read_as_they_were_written() {
    let mut counter = AttemptCounter::default();
    for id in 0..2 {
        fail_at(&mut counter, WINDOW, id, NOW);
        fail_at(&mut counter, RATE, id, NOW);
    }
    counter.begin(AttemptId(u64::MAX), NOW);
    counter.begin(AttemptId(7), NOW);
    assert_eq!(AttemptCounter::from_bytes(&counter.to_bytes()), counter);
    for unreadable in [&[][..], &[2; 11], &counter.to_bytes()[..20]] {
        assert_eq!(AttemptCounter::from_bytes(unreadable), AttemptCounter::default());
    }
}

#[test]
fn no_time_and_no_rule_overflows() {
    let rules = [
        CounterRule::Rate { calls: u32::MAX, per_ms: i64::MAX },
        CounterRule::Rate { calls: 1, per_ms: i64::MAX },
        CounterRule::Rate { calls: 1_000_000, per_ms: 1 },
        CounterRule::Window { failures: 1, counts_ms: i64::MAX },
        CounterRule::Window { failures: u32::MAX, counts_ms: i64::MIN },
    ];
    for rule in rules {
        let mut counter = AttemptCounter::default();
        for now_ms in [i64::MIN, i64::MAX, 0, i64::MAX - 1, i64::MIN + 1] {
            counter.verdict(rule, now_ms);
            counter.begin(AttemptId(1), now_ms);
            counter.remaining(rule, now_ms);
            counter.end(rule, AttemptId(1), AttemptEnd::Failed, now_ms);
            counter.end(rule, AttemptId(2), AttemptEnd::NotJudged, now_ms);
            counter.empty_at_ms();
            counter.is_empty(rule, now_ms);
        }
    }
}

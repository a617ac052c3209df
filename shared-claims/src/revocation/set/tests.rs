mod properties;

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

const HOUR_MS_SIGNED: i64 = 3_600_000;

#[test]
fn a_leap_ahead_and_back_moves_nothing() {
    let mut slowest_clock = SlowestClock::default();
    assert_eq!(slowest_clock.observe(1_000, 500), 1_000);
    assert_eq!(slowest_clock.observe(1_100 + HOUR_MS_SIGNED, 600), 1_100, "ahead by an hour");
    assert_eq!(slowest_clock.observe(1_200, 700), 1_200, "and back");
    assert_eq!(
        slowest_clock.observe(1_300 - HOUR_MS_SIGNED, 800),
        1_300 - HOUR_MS_SIGNED,
        "set back counts at once"
    );
}

#[test]
fn a_clock_that_was_wrong_is_outlived() {
    let mut slowest_clock = SlowestClock::default();
    let right = 1_800_000_000_000;
    assert_eq!(slowest_clock.observe(0, 1_000), 0, "before the first NTP answer");
    assert_eq!(slowest_clock.observe(right, 2_000), 1_000);
    let mut boot = 2_000;
    for _ in 0..25 {
        boot += HOUR_MS;
        slowest_clock.observe(right + i64::try_from(boot).unwrap(), boot);
    }
    assert_eq!(
        slowest_clock.observe(right + i64::try_from(boot).unwrap(), boot),
        right + i64::try_from(boot).unwrap()
    );
}

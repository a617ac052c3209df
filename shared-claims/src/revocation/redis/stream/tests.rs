use super::*;
use crate::claims::TokenId;
use crate::clock::{Clock as _, ManualClock};
use crate::revocation::{
    InvalidRevocationFact, MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict,
};
use std::sync::Arc;

const NOW_MS: i64 = 1_790_000_000_000;
const REDIS_MS: i64 = 5_000_000;

struct Fixture {
    clock: Arc<ManualClock>,
    state: MirrorState,
    position: StreamPosition,
}

impl Fixture {
    fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let settings = MirrorSettings::default().clock(clock.clone());
        let mut position = StreamPosition::new();
        position.connected("r1");
        Self { clock, state: MirrorState::new("redis", settings), position }
    }

    fn process(&mut self, page: &Page) -> PageOutcome {
        let sent_ms = self.state.boot_ms();
        self.position.process(page, sent_ms, &self.state)
    }

    fn check(&self, number: u128) -> Verdict {
        self.state.check(&token(number))
    }
}

/// A token id made from a number.
fn jti(number: u128) -> TokenId {
    TokenId::new(i64::try_from(number).unwrap(), [0; 10])
}

fn token(number: u128) -> RevocationQuery<'static> {
    let exp = NOW_MS / 1000 + 900;
    RevocationQuery { jti: jti(number), sid: None, sub: "s", client_id: "c", kid: "k", exp }
}

fn entry(number: u128) -> Entry {
    let fact = RevocationFact {
        kind: RevocationKind::Jti,
        id: jti(number).to_string(),
        at: None,
        exp: NOW_MS / 1000 + 960,
    };
    Entry { id: format!("{number}-0"), fact: Ok(fact) }
}

fn page(epoch: &str, numbers: impl IntoIterator<Item = u128>) -> Page {
    let entries: Vec<Entry> = numbers.into_iter().map(entry).collect();
    Page {
        full: entries.len() >= PAGE_ENTRIES,
        entries,
        epoch: Some(epoch.to_owned()),
        as_of_ms: Some(REDIS_MS),
        time_ms: REDIS_MS,
    }
}

#[test]
fn nothing_is_known_before_the_last_page() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.check(1), Verdict::Unknown);
    assert_eq!(fixture.process(&page("r1:a", 1..=1_000)), PageOutcome::ReadNext);
    assert_eq!(fixture.check(1), Verdict::Revoked(RevocationKind::Jti), "a fact counts at once");
    assert_eq!(fixture.check(1_001), Verdict::Unknown, "but nothing counts as live yet");
    assert_eq!(fixture.position.last_id(), "1000-0");
    assert_eq!(fixture.process(&page("r1:a", [1_001])), PageOutcome::Complete);
    assert_eq!(fixture.check(1_001), Verdict::Revoked(RevocationKind::Jti));
    assert_eq!(fixture.check(1_002), Verdict::NotRevoked);
}

#[test]
fn the_age_counts_from_the_as_of_of_the_list() {
    let mut fixture = Fixture::new();
    assert_eq!(
        fixture.process(&Page { time_ms: REDIS_MS + 12_000, ..page("r1:a", []) }),
        PageOutcome::Complete
    );
    fixture.clock.advance_ms(18_000);
    assert_eq!(fixture.check(1), Verdict::NotRevoked);
    fixture.clock.advance_ms(1);
    assert_eq!(fixture.check(1), Verdict::Unknown);
    assert_eq!(
        fixture.process(&Page { time_ms: REDIS_MS + 30_001, ..page("r1:a", []) }),
        PageOutcome::Complete
    );
    assert_eq!(fixture.check(1), Verdict::Unknown, "an old list read just now is an old list");
}

#[test]
fn the_age_counts_from_the_request_and_not_from_the_response() {
    let mut fixture = Fixture::new();
    let sent_ms = fixture.state.boot_ms();
    fixture.clock.advance_ms(29_000);
    assert_eq!(fixture.position.process(&page("r1:a", []), sent_ms, &fixture.state), PageOutcome::Complete);
    assert_eq!(fixture.state.status().age_ms, Some(29_000));
}

#[test]
fn without_an_epoch_of_this_very_process_nothing_is_proved() {
    let mut fixture = Fixture::new();
    for (epoch, why) in [
        (Some("r2:a"), Unproven::OtherProcess),
        (Some("r11:a"), Unproven::OtherProcess),
        (Some("r1"), Unproven::OtherProcess),
        (None, Unproven::NoEpoch),
    ] {
        let page = Page { epoch: epoch.map(str::to_owned), ..page("", [7]) };
        assert_eq!(fixture.process(&page), PageOutcome::Unproven(why));
        assert_eq!(fixture.position.last_id(), "0-0");
    }
    assert_eq!(
        fixture.check(7),
        Verdict::Revoked(RevocationKind::Jti),
        "facts count even if the list proves nothing"
    );
    assert_eq!(fixture.check(8), Verdict::Unknown);
}

#[test]
fn another_epoch_means_from_the_start_and_forgets_nothing() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.process(&page("r1:a", [1, 2])), PageOutcome::Complete);
    // The list was rebuilt, so entries before the mirror's position may be new. The page after the position is not the
    // whole list.
    assert_eq!(fixture.process(&page("r1:b", [9])), PageOutcome::ReadNext);
    assert_eq!(fixture.position.last_id(), "0-0");
    assert_eq!(fixture.process(&page("r1:b", [3])), PageOutcome::Complete);
    for known in [1, 2, 3, 9] {
        assert_eq!(fixture.check(known), Verdict::Revoked(RevocationKind::Jti), "{known}");
    }
    assert_eq!(fixture.state.status().resyncs, 1);
}

#[test]
fn an_epoch_that_changes_between_pages_is_noticed() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.process(&page("r1:a", 1..=1_000)), PageOutcome::ReadNext);
    assert_eq!(fixture.process(&page("r1:b", [1_001])), PageOutcome::ReadNext);
    assert_eq!(fixture.check(5_000), Verdict::Unknown);
    assert_eq!(fixture.position.last_id(), "0-0");
}

#[test]
fn what_was_proved_stays_proved_for_its_time() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.process(&page("r1:a", [])), PageOutcome::Complete);
    fixture.clock.advance_ms(10_000);
    assert_eq!(
        fixture.process(&Page { epoch: None, ..page("", []) }),
        PageOutcome::Unproven(Unproven::NoEpoch)
    );
    assert_eq!(fixture.check(1), Verdict::NotRevoked);
    fixture.clock.advance_ms(20_001);
    assert_eq!(fixture.check(1), Verdict::Unknown);
}

#[test]
fn no_as_of_or_one_of_the_future_proves_nothing() {
    let mut fixture = Fixture::new();
    assert_eq!(
        fixture.process(&Page { as_of_ms: None, ..page("r1:a", []) }),
        PageOutcome::Unproven(Unproven::NoAsOf)
    );
    let set_back = Page { time_ms: REDIS_MS - 1_001, ..page("r1:a", []) };
    assert_eq!(fixture.process(&set_back), PageOutcome::Unproven(Unproven::ClockSetBack));
    assert_eq!(fixture.check(1), Verdict::Unknown);
    // A clock that is behind by less than the tolerance gives an age of 0, not a negative one.
    assert_eq!(fixture.process(&Page { time_ms: REDIS_MS - 900, ..page("r1:a", []) }), PageOutcome::Complete);
    assert_eq!(fixture.state.status().age_ms, Some(0));
}

#[test]
fn a_malformed_entry_may_hide_a_revocation() {
    let mut fixture = Fixture::new();
    let malformed = Entry { id: "2-0".to_owned(), fact: Err(InvalidRevocationFact) };
    let with_malformed = Page { entries: vec![entry(1), malformed, entry(3)], ..page("r1:a", []) };
    assert_eq!(fixture.process(&with_malformed), PageOutcome::Unproven(Unproven::Malformed));
    assert_eq!(
        fixture.check(3),
        Verdict::Revoked(RevocationKind::Jti),
        "entries after the malformed one are added"
    );
    assert_eq!(
        fixture.process(&page("r1:a", [4])),
        PageOutcome::Unproven(Unproven::Malformed),
        "later pages do not make the list complete"
    );
    assert_eq!((fixture.check(5), fixture.state.status().malformed), (Verdict::Unknown, 1));
    fixture.clock.advance_ms(REREAD_MALFORMED_AFTER_MS.unsigned_abs());
    assert_eq!(fixture.process(&page("r1:a", [])), PageOutcome::Unproven(Unproven::Malformed));
    assert_eq!(fixture.position.last_id(), "0-0", "read again: the entry may be gone");
    assert_eq!(fixture.process(&page("r1:a", [3, 4])), PageOutcome::Complete);
    assert_eq!(fixture.check(5), Verdict::NotRevoked);
}

#[test]
fn another_process_needs_another_epoch() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.process(&page("r1:a", [1])), PageOutcome::Complete);
    fixture.position.connected("r2");
    assert_eq!(fixture.process(&page("r1:a", [])), PageOutcome::Unproven(Unproven::OtherProcess));
    assert_eq!(fixture.process(&page("r2:b", [1])), PageOutcome::Complete);
    assert!(fixture.clock.boot_ms() > 0);
}

use super::super::page::{Entry, PAGE};
use super::*;
use crate::claims::TokenId;
use crate::clock::{Clock as _, ManualClock};
use crate::revocation::{
    InvalidRevocationFact, MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict,
};
use std::sync::Arc;

const NOW_MS: i64 = 1_790_000_000_000;
const REDIS_MS: i64 = 5_000_000;

struct Room {
    clock: Arc<ManualClock>,
    state: MirrorState,
    follower: Follower,
}

impl Room {
    fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let settings = MirrorSettings::default().clock(clock.clone());
        let mut follower = Follower::new();
        follower.connected("r1");
        Self { clock, state: MirrorState::new("redis", settings), follower }
    }

    fn take(&mut self, page: &Page) -> Step {
        let sent_ms = self.state.boot_ms();
        self.follower.take(page, sent_ms, &self.state)
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
        full: entries.len() >= PAGE,
        entries,
        epoch: Some(epoch.to_owned()),
        as_of_ms: Some(REDIS_MS),
        time_ms: REDIS_MS,
    }
}

#[test]
fn nothing_is_known_before_the_last_page() {
    let mut room = Room::new();
    assert_eq!(room.check(1), Verdict::Unknown);
    assert_eq!(room.take(&page("r1:a", 1..=1_000)), Step::More);
    assert_eq!(room.check(1), Verdict::Revoked(RevocationKind::Jti), "a fact counts at once");
    assert_eq!(room.check(1_001), Verdict::Unknown, "but nothing counts as live yet");
    assert_eq!(room.follower.position(), "1000-0");
    assert_eq!(room.take(&page("r1:a", [1_001])), Step::Complete);
    assert_eq!(room.check(1_001), Verdict::Revoked(RevocationKind::Jti));
    assert_eq!(room.check(1_002), Verdict::NotRevoked);
}

#[test]
fn age_counts_from_what_the_list_says_of_itself() {
    let mut room = Room::new();
    assert_eq!(room.take(&Page { time_ms: REDIS_MS + 12_000, ..page("r1:a", []) }), Step::Complete);
    room.clock.advance_ms(18_000);
    assert_eq!(room.check(1), Verdict::NotRevoked);
    room.clock.advance_ms(1);
    assert_eq!(room.check(1), Verdict::Unknown);
    assert_eq!(room.take(&Page { time_ms: REDIS_MS + 30_001, ..page("r1:a", []) }), Step::Complete);
    assert_eq!(room.check(1), Verdict::Unknown, "an old list read just now is an old list");
}

#[test]
fn the_request_counts_and_not_the_answer() {
    let mut room = Room::new();
    let sent_ms = room.state.boot_ms();
    room.clock.advance_ms(29_000);
    assert_eq!(room.follower.take(&page("r1:a", []), sent_ms, &room.state), Step::Complete);
    assert_eq!(room.state.status().age_ms, Some(29_000));
}

#[test]
fn without_an_epoch_of_this_very_process_nothing_is_proved() {
    let mut room = Room::new();
    for (epoch, why) in [
        (Some("r2:a"), Unproven::OtherProcess),
        (Some("r11:a"), Unproven::OtherProcess),
        (Some("r1"), Unproven::OtherProcess),
        (None, Unproven::NoEpoch),
    ] {
        let page = Page { epoch: epoch.map(str::to_owned), ..page("", [7]) };
        assert_eq!(room.take(&page), Step::Unproven(why));
        assert_eq!(room.follower.position(), "0-0");
    }
    assert_eq!(
        room.check(7),
        Verdict::Revoked(RevocationKind::Jti),
        "facts count even if the list proves nothing"
    );
    assert_eq!(room.check(8), Verdict::Unknown);
}

#[test]
fn another_epoch_means_from_the_start_and_forgets_nothing() {
    let mut room = Room::new();
    assert_eq!(room.take(&page("r1:a", [1, 2])), Step::Complete);
    // The list was rebuilt, so entries before the mirror's position may be new. The page after the position is not the
    // whole list.
    assert_eq!(room.take(&page("r1:b", [9])), Step::More);
    assert_eq!(room.follower.position(), "0-0");
    assert_eq!(room.take(&page("r1:b", [3])), Step::Complete);
    for known in [1, 2, 3, 9] {
        assert_eq!(room.check(known), Verdict::Revoked(RevocationKind::Jti), "{known}");
    }
    assert_eq!(room.state.status().resyncs, 1);
}

#[test]
fn an_epoch_that_changes_between_pages_is_noticed() {
    let mut room = Room::new();
    assert_eq!(room.take(&page("r1:a", 1..=1_000)), Step::More);
    assert_eq!(room.take(&page("r1:b", [1_001])), Step::More);
    assert_eq!(room.check(5_000), Verdict::Unknown);
    assert_eq!(room.follower.position(), "0-0");
}

#[test]
fn what_was_proved_stays_proved_for_its_time() {
    let mut room = Room::new();
    assert_eq!(room.take(&page("r1:a", [])), Step::Complete);
    room.clock.advance_ms(10_000);
    assert_eq!(room.take(&Page { epoch: None, ..page("", []) }), Step::Unproven(Unproven::NoEpoch));
    assert_eq!(room.check(1), Verdict::NotRevoked);
    room.clock.advance_ms(20_001);
    assert_eq!(room.check(1), Verdict::Unknown);
}

#[test]
fn no_as_of_or_one_of_the_future_proves_nothing() {
    let mut room = Room::new();
    assert_eq!(room.take(&Page { as_of_ms: None, ..page("r1:a", []) }), Step::Unproven(Unproven::NoAsOf));
    let set_back = Page { time_ms: REDIS_MS - 1_001, ..page("r1:a", []) };
    assert_eq!(room.take(&set_back), Step::Unproven(Unproven::SetBack));
    assert_eq!(room.check(1), Verdict::Unknown);
    // A clock that is behind by less than the tolerance gives an age of 0, not a negative one.
    assert_eq!(room.take(&Page { time_ms: REDIS_MS - 900, ..page("r1:a", []) }), Step::Complete);
    assert_eq!(room.state.status().age_ms, Some(0));
}

#[test]
fn a_malformed_entry_may_hide_a_revocation() {
    let mut room = Room::new();
    let blemish = Entry { id: "2-0".to_owned(), fact: Err(InvalidRevocationFact) };
    let blemished = Page { entries: vec![entry(1), blemish, entry(3)], ..page("r1:a", []) };
    assert_eq!(room.take(&blemished), Step::Unproven(Unproven::Malformed));
    assert_eq!(
        room.check(3),
        Verdict::Revoked(RevocationKind::Jti),
        "entries after the malformed one are added"
    );
    assert_eq!(
        room.take(&page("r1:a", [4])),
        Step::Unproven(Unproven::Malformed),
        "later pages do not make the list complete"
    );
    assert_eq!((room.check(5), room.state.status().malformed), (Verdict::Unknown, 1));
    room.clock.advance_ms(BLEMISHED_AGAIN_MS.unsigned_abs());
    assert_eq!(room.take(&page("r1:a", [])), Step::Unproven(Unproven::Malformed));
    assert_eq!(room.follower.position(), "0-0", "read again: the entry may be gone");
    assert_eq!(room.take(&page("r1:a", [3, 4])), Step::Complete);
    assert_eq!(room.check(5), Verdict::NotRevoked);
}

#[test]
fn another_process_needs_another_epoch() {
    let mut room = Room::new();
    assert_eq!(room.take(&page("r1:a", [1])), Step::Complete);
    room.follower.connected("r2");
    assert_eq!(room.take(&page("r1:a", [])), Step::Unproven(Unproven::OtherProcess));
    assert_eq!(room.take(&page("r2:b", [1])), Step::Complete);
    assert!(room.clock.boot_ms() > 0);
}

use std::sync::Arc;
use std::time::Duration;

use super::super::wire::Cursor;
use super::*;
use crate::claims::TokenId;
use crate::clock::ManualClock;
use crate::revocation::{MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict};

const NOW_MS: i64 = 1_790_000_000_000;

struct Room {
    clock: Arc<ManualClock>,
    state: MirrorState,
    follower: Follower,
}

impl Room {
    fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let settings = MirrorSettings::default().clock(clock.clone());
        Self { clock, state: MirrorState::new("feed", settings), follower: Follower::default() }
    }

    fn take(&mut self, page: FeedPage) -> Result<Step, InvalidRevocationFact> {
        let sent_ms = self.state.boot_ms();
        self.follower.take(page, sent_ms, &self.state)
    }

    fn next(&self) -> Query {
        self.follower.next(&self.state)
    }

    fn check(&self, number: u128) -> Verdict {
        let exp = NOW_MS / 1000 + 900;
        self.state.check(&RevocationQuery {
            jti: jti(number),
            sid: None,
            sub: "s",
            client_id: "c",
            kid: "k",
            exp,
        })
    }
}

/// A token id made from a number.
fn jti(number: u128) -> TokenId {
    TokenId::new(i64::try_from(number).unwrap(), [0; 10])
}

fn page(epoch: &str, cursor: &str, complete: bool, numbers: &[u128]) -> FeedPage {
    let fact = |number: &u128| RevocationFact {
        kind: RevocationKind::Jti,
        id: jti(*number).to_string(),
        at: None,
        exp: NOW_MS / 1000 + 960,
    };
    let entries = numbers.iter().map(fact).collect();
    FeedPage { epoch: epoch.to_owned(), cursor: Cursor::Text(cursor.to_owned()), complete, entries }
}

#[test]
fn the_last_request_of_a_list_counts() {
    let mut room = Room::new();
    assert_eq!(room.next(), Query { after: None, wait_s: 0 });
    assert_eq!(room.take(page("e", "1", false, &[1])), Ok(Step::More));
    assert_eq!((room.check(1), room.check(2)), (Verdict::Revoked(RevocationKind::Jti), Verdict::Unknown));
    room.clock.advance_ms(20_000);
    let sent_ms = room.state.boot_ms();
    room.clock.advance_ms(500);
    assert_eq!(room.next(), Query { after: Some("1".to_owned()), wait_s: 0 });
    assert_eq!(room.follower.take(page("e", "2", true, &[2]), sent_ms, &room.state), Ok(Step::Complete));
    assert_eq!(room.state.status().age_ms, Some(500));
    assert_eq!((room.check(2), room.check(3)), (Verdict::Revoked(RevocationKind::Jti), Verdict::NotRevoked));
    assert_eq!(room.next(), Query { after: Some("2".to_owned()), wait_s: 3 });
}

#[test]
fn another_database_means_from_the_start_and_forgets_nothing() {
    let mut room = Room::new();
    assert_eq!(room.take(page("e", "1", true, &[1])), Ok(Step::Complete));
    assert_eq!(room.take(page("f", "9", true, &[2])), Ok(Step::More));
    assert_eq!(room.next(), Query { after: None, wait_s: 0 });
    assert_eq!(room.state.status().resyncs, 1);
    assert_eq!(room.take(page("f", "3", true, &[3])), Ok(Step::Complete));
    for known in [1, 2, 3] {
        assert_eq!(room.check(known), Verdict::Revoked(RevocationKind::Jti), "{known}");
    }
}

#[test]
fn a_malformed_fact_is_not_passed_over() {
    let mut room = Room::new();
    let mut blemished = page("e", "1", true, &[1]);
    blemished.entries.push(RevocationFact {
        kind: RevocationKind::Sub,
        id: "u".to_owned(),
        at: None,
        exp: 1,
    });
    assert_eq!(room.take(blemished), Err(InvalidRevocationFact));
    assert_eq!((room.check(1), room.check(2)), (Verdict::Revoked(RevocationKind::Jti), Verdict::Unknown));
    assert_eq!(room.next().after, None);
}

#[test]
fn only_a_mirror_that_is_well_lets_its_requests_be_held() {
    let mut room = Room::new();
    assert_eq!(room.take(page("e", "1", true, &[])), Ok(Step::Complete));
    assert_eq!(room.next().wait_s, 3);
    room.clock.advance_ms(7_001);
    assert_eq!(room.next().wait_s, 0, "an old list is renewed first");
    assert_eq!(room.take(page("e", "1", true, &[])), Ok(Step::Complete));
    room.follower.failed();
    assert_eq!(room.next(), Query { after: Some("1".to_owned()), wait_s: 0 });
}

#[test]
fn holding_leaves_room_within_the_bound() {
    for (bound_s, hold) in [(1, 0), (4, 0), (5, 1), (19, 1), (20, 2), (30, 3), (600, 3)] {
        assert_eq!(
            hold_s(u64::try_from(Duration::from_secs(bound_s).as_millis()).unwrap()),
            hold,
            "{bound_s}"
        );
    }
}

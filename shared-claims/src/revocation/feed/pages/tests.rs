use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::claims::TokenId;
use crate::clock::ManualClock;
use crate::revocation::{MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict};

const NOW_MS: i64 = 1_790_000_000_000;

struct Fixture {
    clock: Arc<ManualClock>,
    state: MirrorState,
    position: FeedPosition,
}

impl Fixture {
    fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let settings = MirrorSettings::default().clock(clock.clone());
        Self { clock, state: MirrorState::new("feed", settings), position: FeedPosition::default() }
    }

    fn process(&mut self, page: FeedPage) -> Result<PageOutcome, InvalidRevocationFact> {
        let sent_ms = self.state.boot_ms();
        self.position.process(page, sent_ms, &self.state)
    }

    fn next(&self) -> FeedRequest {
        self.position.next_request(&self.state)
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
    let mut fixture = Fixture::new();
    assert_eq!(fixture.next(), FeedRequest { after: None, wait_s: 0 });
    assert_eq!(fixture.process(page("e", "1", false, &[1])), Ok(PageOutcome::RequestNext));
    assert_eq!(
        (fixture.check(1), fixture.check(2)),
        (Verdict::Revoked(RevocationKind::Jti), Verdict::Unknown)
    );
    fixture.clock.advance_ms(20_000);
    let sent_ms = fixture.state.boot_ms();
    fixture.clock.advance_ms(500);
    assert_eq!(fixture.next(), FeedRequest { after: Some("1".to_owned()), wait_s: 0 });
    assert_eq!(
        fixture.position.process(page("e", "2", true, &[2]), sent_ms, &fixture.state),
        Ok(PageOutcome::Complete)
    );
    assert_eq!(fixture.state.status().age_ms, Some(500));
    assert_eq!(
        (fixture.check(2), fixture.check(3)),
        (Verdict::Revoked(RevocationKind::Jti), Verdict::NotRevoked)
    );
    assert_eq!(fixture.next(), FeedRequest { after: Some("2".to_owned()), wait_s: 3 });
}

#[test]
fn another_database_means_from_the_start_and_forgets_nothing() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.process(page("e", "1", true, &[1])), Ok(PageOutcome::Complete));
    assert_eq!(fixture.process(page("f", "9", true, &[2])), Ok(PageOutcome::RequestNext));
    assert_eq!(fixture.next(), FeedRequest { after: None, wait_s: 0 });
    assert_eq!(fixture.state.status().resyncs, 1);
    assert_eq!(fixture.process(page("f", "3", true, &[3])), Ok(PageOutcome::Complete));
    for known in [1, 2, 3] {
        assert_eq!(fixture.check(known), Verdict::Revoked(RevocationKind::Jti), "{known}");
    }
}

#[test]
fn a_malformed_fact_is_not_passed_over() {
    let mut fixture = Fixture::new();
    let mut malformed = page("e", "1", true, &[1]);
    malformed.entries.push(RevocationFact {
        kind: RevocationKind::Sub,
        id: "u".to_owned(),
        at: None,
        exp: 1,
    });
    assert_eq!(fixture.process(malformed), Err(InvalidRevocationFact));
    assert_eq!(
        (fixture.check(1), fixture.check(2)),
        (Verdict::Revoked(RevocationKind::Jti), Verdict::Unknown)
    );
    assert_eq!(fixture.next().after, None);
}

#[test]
fn only_an_up_to_date_mirror_lets_its_requests_be_held() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.process(page("e", "1", true, &[])), Ok(PageOutcome::Complete));
    assert_eq!(fixture.next().wait_s, 3);
    fixture.clock.advance_ms(7_001);
    assert_eq!(fixture.next().wait_s, 0, "an old list is renewed first");
    assert_eq!(fixture.process(page("e", "1", true, &[])), Ok(PageOutcome::Complete));
    fixture.position.request_failed();
    assert_eq!(fixture.next(), FeedRequest { after: Some("1".to_owned()), wait_s: 0 });
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

#[test]
fn a_response_of_the_contract_is_read() {
    let body = br#"{"epoch":"e","cursor":"12","complete":true,"more":1,"entries":[
        {"kind":"sub","id":"u","at":17,"exp":18},{"kind":"jti","id":"j","at":null,"exp":19}]}"#;
    let page = parse(body).unwrap();
    assert_eq!((page.epoch.as_str(), page.complete, page.cursor.into_text()), ("e", true, "12".to_owned()));
    let facts = [(RevocationKind::Sub, "u", Some(17), 18), (RevocationKind::Jti, "j", None, 19)];
    let facts = facts.map(|(kind, id, at, exp)| RevocationFact { kind, id: id.to_owned(), at, exp });
    assert_eq!(page.entries, facts);
    assert!(matches!(parse(br#"{"epoch":"e","cursor":7,"complete":false,"entries":[]}"#), Ok(page) if
        page.cursor.clone().into_text() == "7"));
}

#[test]
fn what_is_not_understood_is_not_skipped() {
    for bad in [
        &br#"{"epoch":"e","cursor":"1","complete":true,"entries":[{"kind":"device","id":"d","at":null,"exp":1}]}"#[..],
        br#"{"epoch":"e","cursor":"1","complete":true,"entries":[{"kind":"jti","id":"d","at":null}]}"#,
        br#"{"epoch":"e","cursor":"1","complete":true}"#,
        br#"{"epoch":"e","cursor":"1","entries":[]}"#,
        br#"{"epoch":null,"cursor":"1","complete":true,"entries":[]}"#,
        br#"["e","1",true,[]]"#,
        b"<html>",
        b"",
    ] {
        assert!(matches!(parse(bad), Err(FeedError::Malformed(_))), "{}", String::from_utf8_lossy(bad));
    }
    let long = format!(r#"{{"epoch":"e","cursor":"{}","complete":true,"entries":[]}}"#, "x".repeat(1025));
    assert!(matches!(parse(long.as_bytes()), Err(FeedError::Malformed(_))));
}

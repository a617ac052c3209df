//! Property test: a mirror that follows the feed refuses exactly the facts that it received, for any sequence of facts,
//! expiries, changed databases, cursors that are gone, and lost or late responses.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::claims::TokenId;
use crate::clock::{Clock as _, ManualClock};
use crate::revocation::{MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict};

const NOW_MS: i64 = 1_790_000_000_000;
const TOKENS: u8 = 8;
const BOUND_MS: i64 = 30_000;
const PAGE_ENTRIES: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Commit(u8),
    /// A request whose response arrives after this many milliseconds.
    Request(u64),
    /// A request without a response.
    Lose,
    /// The feed answers 410, as for a cursor whose log entries were pruned.
    Gone,
    /// The database is replaced: it has another id and another order of facts.
    Replace,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..TOKENS).prop_map(Step::Commit),
        8 => prop_oneof![3 => Just(0), 1 => 0..40_000_u64].prop_map(Step::Request),
        1 => Just(Step::Lose),
        1 => Just(Step::Gone),
        1 => Just(Step::Replace),
        3 => (0..20_000_u64).prop_map(Step::Wait),
    ]
}

struct Feed {
    clock: Arc<ManualClock>,
    state: MirrorState,
    position: FeedPosition,
    /// The committed facts, in order: the token and the boot time in milliseconds.
    log: Vec<(u8, i64)>,
    epoch: u32,
    /// The expected set: every token whose fact the mirror received.
    shown: HashSet<u8>,
}

impl Feed {
    fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let state = MirrorState::new("feed", MirrorSettings::default().clock(clock.clone()));
        Self {
            clock,
            state,
            position: FeedPosition::default(),
            log: Vec::new(),
            epoch: 1,
            shown: HashSet::new(),
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Commit(token) => {
                if self.log.iter().all(|(known, _)| *known != token) {
                    self.log.push((token, self.state.boot_ms()));
                }
            }
            Step::Request(late_ms) => self.request(late_ms),
            Step::Lose => self.position.request_failed(),
            Step::Gone => self.position.start_again(&self.state),
            Step::Replace => {
                self.epoch += 1;
                self.log.reverse();
            }
            Step::Wait(ms) => self.clock.advance_ms(ms),
        }
    }

    fn request(&mut self, late_ms: u64) {
        let sent_ms = self.state.boot_ms();
        let request = self.position.next_request(&self.state);
        let cursor = request.after.as_deref().map(|cursor| cursor.split_once('.').unwrap());
        let from = match cursor {
            None => 0,
            Some((epoch, at)) if *epoch == self.epoch.to_string() => at.parse().unwrap(),
            Some(_) => return self.position.start_again(&self.state),
        };
        let tokens: Vec<u8> =
            self.log.iter().skip(from).take(PAGE_ENTRIES).map(|(token, _)| *token).collect();
        let to = from + tokens.len();
        let page = FeedPage {
            epoch: self.epoch.to_string(),
            cursor: Cursor::Text(format!("{}.{to}", self.epoch)),
            complete: to == self.log.len(),
            entries: tokens.iter().map(|token| fact(*token)).collect(),
        };
        self.clock.advance_ms(late_ms);
        self.shown.extend(tokens);
        self.position.process(page, sent_ms, &self.state).unwrap();
        self.state.sweep();
    }

    fn check(&self, token: u8) -> Verdict {
        let jti = jti(token);
        self.state.check(&RevocationQuery {
            jti,
            sid: None,
            sub: "s",
            client_id: "c",
            kid: "k",
            exp: end_s(token),
        })
    }

    /// The properties that must hold after each step.
    fn holds(&self) -> Result<(), TestCaseError> {
        // 30 s is the largest leeway. After that a token is refused as expired, so its facts no longer matter.
        for token in (0..TOKENS).filter(|token| self.clock.now_seconds() < end_s(*token) + 30) {
            let verdict = self.check(token);
            prop_assert_eq!(matches!(verdict, Verdict::Revoked(_)), self.shown.contains(&token), "{}", token);
            let late = |(of, at): &(u8, i64)| *of == token && *at + BOUND_MS < self.state.boot_ms();
            let lives_on = verdict == Verdict::NotRevoked && self.log.iter().any(late);
            prop_assert!(!lives_on, "{} lives beyond the bound", token);
        }
        Ok(())
    }
}

fn fact(token: u8) -> RevocationFact {
    let id = jti(token).to_string();
    RevocationFact { kind: RevocationKind::Jti, id, at: None, exp: end_s(token) + 60 }
}

/// A token id made from a token's number.
fn jti(token: u8) -> TokenId {
    TokenId::new(i64::from(token), [0; 10])
}

/// Each token has another expiry, and some expire while the test runs.
fn end_s(token: u8) -> i64 {
    NOW_MS / 1_000 + 40 * (i64::from(token) + 1)
}

proptest! {
    #[test]
    fn a_mirror_over_the_feed_is_a_plain_set(steps in prop::collection::vec(steps(), 1..120)) {
        let mut feed = Feed::new();
        for step in &steps {
            feed.run(step);
            feed.holds()?;
        }
        // After any sequence of steps, a mirror that reaches its feed again becomes complete.
        for _ in 0..=TOKENS {
            feed.run(&Step::Request(0));
            feed.holds()?;
        }
        for token in (0..TOKENS).filter(|token| feed.clock.now_seconds() < end_s(*token)) {
            let committed = feed.log.iter().any(|(of, _)| *of == token);
            let expected = if committed { Verdict::Revoked(RevocationKind::Jti) } else { Verdict::NotRevoked };
            prop_assert_eq!(feed.check(token), expected, "{}", token);
        }
    }
}

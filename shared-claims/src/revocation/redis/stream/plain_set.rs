//! Property test: a mirror that follows a list in Redis refuses exactly the facts that it received, for any sequence of
//! facts, expiries, lost lists, rebuilds, and lost or late responses.

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
    /// A fact is committed to the database, but not written to Redis yet.
    Commit(u8),
    /// The missing facts are appended to the stream, and `as_of` is renewed.
    Deliver,
    /// The whole list is written again, under a new epoch.
    Rebuild,
    /// Expired facts are removed from the stream.
    Trim,
    Flush,
    /// Redis saves its data.
    Save,
    /// Redis starts again as another process, with the saved data, and with a clock that is behind by this many
    /// milliseconds.
    Restart(i64),
    /// A page is read; the response arrives after this many milliseconds.
    Read(u64),
    /// A page is read, but the connection breaks before the response arrives.
    Lose,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..TOKENS).prop_map(Step::Commit),
        4 => Just(Step::Deliver),
        2 => Just(Step::Rebuild),
        1 => Just(Step::Trim),
        1 => Just(Step::Flush),
        1 => Just(Step::Save),
        1 => (0..20_000_i64).prop_map(Step::Restart),
        10 => prop_oneof![3 => Just(0), 1 => 0..40_000_u64].prop_map(Step::Read),
        1 => Just(Step::Lose),
        3 => (0..20_000_u64).prop_map(Step::Wait),
    ]
}

/// The list in Redis.
#[derive(Clone, Default)]
struct List {
    stream: Vec<usize>,
    last: usize,
    proof: Option<(String, i64)>,
}

struct Redis {
    clock: Arc<ManualClock>,
    state: MirrorState,
    position: StreamPosition,
    connected_to: u32,
    /// The database: the committed facts, in order, as the token and the boot time in milliseconds.
    log: Vec<(u8, i64)>,
    list: List,
    saved: List,
    run: u32,
    /// By how many milliseconds Redis's clock is behind the boot clock.
    behind_ms: i64,
    epochs: u32,
    /// The expected set: every token whose fact the mirror received.
    shown: HashSet<u8>,
}

impl Redis {
    fn new() -> Self {
        let clock = ManualClock::at(NOW_MS);
        let state = MirrorState::new("redis", MirrorSettings::default().clock(clock.clone()));
        Self {
            clock,
            state,
            position: StreamPosition::new(),
            connected_to: 0,
            log: Vec::new(),
            list: List::default(),
            saved: List::default(),
            run: 1,
            behind_ms: 0,
            epochs: 0,
            shown: HashSet::new(),
        }
    }

    fn now(&self) -> i64 {
        self.state.boot_ms()
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Commit(token) => {
                if self.log.iter().all(|(known, _)| *known != token) {
                    self.log.push((token, self.now()));
                }
            }
            Step::Deliver => {
                let ours = format!("run{}:", self.run);
                if self.list.proof.as_ref().is_some_and(|(epoch, _)| epoch.starts_with(&ours)) {
                    self.list.stream.extend(self.list.last + 1..=self.log.len());
                    self.prove(None);
                }
            }
            Step::Rebuild => {
                self.epochs += 1;
                self.list.stream = (1..=self.log.len()).filter(|seq| self.is_live(*seq)).collect();
                self.prove(Some(format!("run{}:{}", self.run, self.epochs)));
            }
            Step::Trim => {
                let live: Vec<usize> =
                    self.list.stream.iter().copied().filter(|seq| self.is_live(*seq)).collect();
                self.list.stream = live;
            }
            Step::Flush => self.list = List::default(),
            Step::Save => self.saved = self.list.clone(),
            Step::Restart(behind_ms) => {
                self.run += 1;
                self.behind_ms = behind_ms;
                self.list = self.saved.clone();
            }
            Step::Read(late_ms) => self.read(late_ms),
            Step::Lose => self.connected_to = 0,
            Step::Wait(ms) => self.clock.advance_ms(ms),
        }
    }

    fn prove(&mut self, epoch: Option<String>) {
        self.list.last = self.log.len();
        let epoch = epoch.or_else(|| self.list.proof.as_ref().map(|(epoch, _)| epoch.clone()));
        self.list.proof = epoch.map(|epoch| (epoch, self.now() - self.behind_ms));
    }

    fn read(&mut self, late_ms: u64) {
        if self.connected_to != self.run {
            self.connected_to = self.run;
            self.position.connected(&format!("run{}", self.run));
        }
        let sent_ms = self.now();
        let last_id: usize = self.position.last_id().split_once('-').unwrap().0.parse().unwrap();
        let after = self.list.stream.iter().copied().filter(|seq| *seq > last_id).take(PAGE_ENTRIES);
        let entries: Vec<Entry> = after.map(|seq| self.entry(seq)).collect();
        let page = Page {
            full: entries.len() == PAGE_ENTRIES,
            epoch: self.list.proof.as_ref().map(|(epoch, _)| epoch.clone()),
            as_of_ms: self.list.proof.as_ref().map(|(_, as_of)| *as_of),
            time_ms: sent_ms - self.behind_ms,
            entries,
        };
        self.clock.advance_ms(late_ms);
        self.shown.extend(page.entries.iter().map(token_of));
        self.position.process(&page, sent_ms, &self.state);
        self.state.sweep();
    }

    fn entry(&self, seq: usize) -> Entry {
        let token = self.log[seq - 1].0;
        let id = jti(token).to_string();
        let fact = RevocationFact { kind: RevocationKind::Jti, id, at: None, exp: end_s(token) + 60 };
        Entry { id: format!("{seq}-0"), fact: Ok(fact) }
    }

    /// Whether the fact with this sequence number is still in the list. It stays there until a minute after its `exp`.
    fn is_live(&self, seq: usize) -> bool {
        self.clock.now_seconds() <= end_s(self.log[seq - 1].0) + 120
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
    fn holds(&self, refused: &mut HashSet<u8>) -> Result<(), TestCaseError> {
        // 30 s is the largest leeway. After that a token is refused as expired, so its facts no longer matter.
        let alive = (0..TOKENS).filter(|token| self.clock.now_seconds() < end_s(*token) + 30);
        for token in alive {
            let verdict = self.check(token);
            if self.shown.contains(&token) {
                prop_assert_eq!(verdict, Verdict::Revoked(RevocationKind::Jti), "{} was shown", token);
            } else {
                prop_assert!(!matches!(verdict, Verdict::Revoked(_)), "{} was not shown", token);
            }
            if verdict == Verdict::NotRevoked {
                let late = self.log.iter().any(|(of, at)| *of == token && *at + BOUND_MS < self.now());
                prop_assert!(!late, "{} lives beyond the bound", token);
                prop_assert!(!refused.contains(&token), "{} lives again", token);
            } else if verdict != Verdict::Unknown {
                refused.insert(token);
            }
        }
        Ok(())
    }
}

fn token_of(entry: &Entry) -> u8 {
    let id = TokenId::parse(&entry.fact.as_ref().unwrap().id).unwrap();
    u8::try_from(id.time_ms()).unwrap()
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
    fn a_mirror_over_redis_is_a_plain_set(steps in prop::collection::vec(steps(), 1..120)) {
        let mut redis = Redis::new();
        let mut refused = HashSet::new();
        for step in &steps {
            redis.run(step);
            redis.holds(&mut refused)?;
        }
        // After any sequence of steps, a mirror that reaches its list again becomes complete.
        redis.run(&Step::Rebuild);
        for _ in 0..TOKENS {
            redis.run(&Step::Read(0));
            redis.holds(&mut refused)?;
        }
        for token in 0..TOKENS {
            if redis.clock.now_seconds() < end_s(token) {
                let committed = redis.log.iter().any(|(of, _)| *of == token);
                let expected = if committed { Verdict::Revoked(RevocationKind::Jti) } else { Verdict::NotRevoked };
                prop_assert_eq!(redis.check(token), expected, "{}", token);
            }
        }
    }
}

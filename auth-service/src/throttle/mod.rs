//! Limits on attempts to log in and on what strangers can cause.
//!
//! An attempt to log in is counted **before** its password is judged, in two counters at once: that of its source (an IP
//! address, or a client with the password grant), and that of the account's guesses. [`Throttle::begin`] gives a [`Permit`]
//! for both, and the permit is ended in one of three ways: the attempt succeeded, it failed, or it was not judged at all.
//! What only happens, like a registration, is counted by [`Throttle::count`].
//!
//! Counters stand in a store that all replicas share (`store`: Redis, else the database). While that store is away, and for new
//! counters for which it has no room, a table in this process counts instead (`local`).

mod budget_name;
mod client_failures;
mod database;
mod full;
mod key;
mod line;
mod local;
mod network_tag;
mod permit;
mod place;
mod redis;
mod rules;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared_claims::clock::SharedClock;
use tokio::time::Instant;

pub use self::client_failures::ClientFailures;
use self::full::KnownFull;
use self::key::{Budget, CounterKey, KeyedHash};
use self::line::Lines;
use self::local::LocalTable;
pub use self::permit::Permit;
use self::permit::{CountedAttempt, Placed};
pub use self::rules::{Counted, Refusal, ThrottleRules};
use self::status::Tally;
pub use self::status::ThrottleStatus;
pub use self::store::CounterStore;
use self::store::{Begun, Ending, SharedStore, Step};
use self::waiting::Waiting;
use crate::domain::{
    AttemptEnd, AttemptId, Begin, CounterRule, GuessBudget, LoginSource, RefusedBy, Throttled, Verdict,
};
use crate::random::Random;

/// The parts that [`Throttle`] is built from.
pub struct ThrottleParts {
    /// The limits; `None` if nothing is limited.
    pub rules: Option<ThrottleRules>,
    /// Where the counters stand; `None`: in this process alone.
    pub store: Option<CounterStore>,
    /// The most counters in the store.
    pub max_counters: u32,
    /// The key under which names and addresses are hashed, the same on all replicas. Stores see the hashes alone.
    pub key: [u8; 32],
    /// The clock.
    pub clock: SharedClock,
    /// Draws the numbers of attempts.
    pub random: Random,
}

/// Counts attempts and calls. Cheap to clone.
#[derive(Clone)]
pub struct Throttle {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    rules: ThrottleRules,
    hash: KeyedHash,
    clock: SharedClock,
    random: Random,
    store: Option<SharedStore>,
    local: LocalTable,
    waiting: Waiting,
    lines: Lines,
    known_full: KnownFull,
    tally: Tally,
}

/// A counter with its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limited {
    key: CounterKey,
    rule: CounterRule,
    budget: Budget,
}

impl Throttle {
    /// Builds the throttle from its parts. Connects to nothing yet. Call it on the runtime that
    /// is to talk to the store, which should not be one that serves requests.
    pub fn new(parts: ThrottleParts) -> Self {
        let ThrottleParts { rules, store, max_counters, key, clock, random } = parts;
        let inner = rules.map(|rules| Inner {
            rules,
            hash: KeyedHash::new(&key),
            clock,
            random,
            store: store.map(|store| SharedStore::new(store, max_counters)),
            local: LocalTable::default(),
            waiting: Waiting::default(),
            lines: Lines::default(),
            known_full: KnownFull::default(),
            tally: Tally::default(),
        });
        Self { inner: inner.map(Arc::new) }
    }

    /// Builds a throttle that limits nothing.
    pub fn unlimited() -> Self {
        Self { inner: None }
    }

    /// Counts an attempt to log in before it is judged. Waits while only attempts under way fill a counter.
    ///
    /// # Errors
    /// [`Refusal`] if the attempt may not be judged. It is not counted then.
    pub async fn begin(&self, source: &LoginSource, guess: &GuessBudget) -> Result<Permit, Refusal> {
        let Some(inner) = &self.inner else { return Ok(Permit::of_nothing()) };
        let (source, guess) = (inner.source(source), inner.guess(guess));
        let end = Instant::now() + inner.rules.max_wait;
        let attempt = inner.attempt();
        let mut turn = None;
        let mut tries = 0;
        loop {
            if turn.is_none() {
                turn = Some(inner.lines.turn(guess.key, end).await.ok_or(Refusal::Busy)?);
            }
            let ended = inner.waiting.next_end([source.key, guess.key]);
            let refusal = match inner.begin_once(attempt, [source, guess], Begin::UnderWay).await {
                Ok(counted) => {
                    let inner = Arc::clone(inner);
                    return Ok(Permit::new(CountedAttempt { inner, attempt, counted }));
                }
                Err(refusal) => refusal,
            };
            if let Verdict::Full { until_ms } = refusal.verdict {
                let is_source = refusal.counter == 0;
                inner.tally.note_refusal(if is_source { source.budget } else { guess.budget });
                let throttled = Throttled::until(until_ms, inner.now_ms());
                let source = is_source.then(|| source.rule.full_until(until_ms));
                return Err(Refusal::Throttled { throttled, source });
            }
            if Instant::now() >= end {
                return Err(Refusal::Busy);
            }
            if tries == 0 {
                inner.tally.waits.fetch_add(1, Ordering::Relaxed);
            }
            // Those who are next in line wait for the same account. But where the source has no room, others may go first.
            if refusal.counter == 0 {
                turn = None;
            }
            ended.wait(tries, end).await;
            tries += 1;
        }
    }

    /// Counts something that happens.
    ///
    /// # Errors
    /// [`Throttled`] if its counter is full. It is not counted then.
    pub async fn count(&self, what: &Counted) -> Result<(), Throttled> {
        let Some(inner) = &self.inner else { return Ok(()) };
        let counter = inner.counted(what);
        // If the turn does not come, the store is slow, and counting without one is better than not counting.
        let _turn = inner.lines.turn(counter.key, Instant::now() + inner.rules.max_wait).await;
        match inner.begin_once(inner.attempt(), [counter], Begin::Failed).await {
            Ok(_) => Ok(()),
            Err(RefusedBy { verdict, .. }) => match verdict {
                Verdict::Full { until_ms } | Verdict::UnderWay { until_ms } => {
                    inner.tally.note_refusal(counter.budget);
                    Err(Throttled::until(until_ms, inner.now_ms()))
                }
                Verdict::Free => Ok(()),
            },
        }
    }

    /// What this process has counted, for metrics. All is zero if nothing is limited.
    pub fn status(&self) -> ThrottleStatus {
        let Some(inner) = &self.inner else { return Tally::default().status(0, false) };
        let (counters, is_up) =
            inner.store.as_ref().map_or((0, false), |store| (store.live(), store.is_available()));
        inner.tally.status(counters, is_up)
    }
}

/// The latest time that counters can hold: in microseconds it is a whole number that Redis computes exactly. In the year 2255.
const LATEST_MS: i64 = 9_000_000_000_000;

impl Inner {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms().clamp(0, LATEST_MS)
    }

    fn attempt(&self) -> AttemptId {
        AttemptId(u64::from_le_bytes(self.random.bytes()))
    }

    /// Counts an attempt in all of these counters, or in none: in the store, and in this process those for which there is no
    /// room, or all of them while the store is away.
    async fn begin_once<const N: usize>(
        &self,
        attempt: AttemptId,
        counters: [Limited; N],
        what: Begin,
    ) -> Result<[Placed; N], RefusedBy> {
        let now_ms = self.now_ms();
        if let Some(refusal) = self.known_full.find(&counters, now_ms) {
            return Err(refusal);
        }
        let step = Step { attempt, what, counters: counters.to_vec(), now_ms };
        let in_store = match &self.store {
            Some(store) => store.begin(step.clone()).await,
            None => None,
        };
        if let Some(store) = &self.store {
            store.keep_house(now_ms);
        }
        let in_store = match in_store {
            Some(Begun::Counted(remaining)) => remaining,
            Some(Begun::No(refusal)) => {
                self.known_full.note(&counters, refusal);
                return Err(refusal);
            }
            None => vec![None; N],
        };
        let mut placed = counters.map(|counter| Placed { counter, is_local: true, remaining: None });
        for (placed, remaining) in placed.iter_mut().zip(in_store) {
            (placed.is_local, placed.remaining) = (remaining.is_none(), remaining);
        }
        self.place_locally(&step, &mut placed).await?;
        Ok(placed)
    }

    /// Counts an attempt in this process, in those of its counters that are not in the store. If one of them refuses, the
    /// store no longer counts it either.
    async fn place_locally(&self, step: &Step, placed: &mut [Placed]) -> Result<(), RefusedBy> {
        let indexes: Vec<usize> =
            placed.iter().enumerate().filter(|(_, placed)| placed.is_local).map(|(index, _)| index).collect();
        if indexes.is_empty() {
            return Ok(());
        }
        let local = placed.iter().filter(|placed| placed.is_local).map(|placed| placed.counter).collect();
        match self.local.begin(&Step { counters: local, ..step.clone() }) {
            Ok(remaining) => {
                self.tally.local.fetch_add(1, Ordering::Relaxed);
                if self.store.as_ref().is_some_and(SharedStore::is_available) {
                    self.tally.no_room.fetch_add(1, Ordering::Relaxed);
                }
                let unplaced = placed.iter_mut().filter(|placed| placed.is_local);
                for (placed, remaining) in unplaced.zip(remaining) {
                    placed.remaining = Some(remaining);
                }
                Ok(())
            }
            Err(refusal) => {
                let in_store = placed.iter().filter(|placed| !placed.is_local);
                let ends =
                    in_store.map(|placed| Ending { counter: placed.counter, how: AttemptEnd::NotJudged });
                self.end_in_store(step.attempt, ends.collect(), step.now_ms).await;
                let counter = indexes.get(refusal.counter).copied().unwrap_or_default();
                Err(RefusedBy { counter, ..refusal })
            }
        }
    }

    /// Ends an attempt in counters of the store. `None` while it is away.
    async fn end_in_store(&self, attempt: AttemptId, ends: Vec<Ending>, now_ms: i64) -> Option<Vec<bool>> {
        match &self.store {
            Some(store) if !ends.is_empty() => store.end(attempt, ends, now_ms).await,
            _ => None,
        }
    }

    fn source(&self, source: &LoginSource) -> Limited {
        let rule = CounterRule::Rate { calls: self.rules.logins_per_minute, per_ms: MINUTE_MS };
        Limited { key: self.hash.of_source(source), rule, budget: Budget::of_source(source) }
    }

    fn guess(&self, guess: &GuessBudget) -> Limited {
        let counts_ms = i64::try_from(self.rules.failure_counts.as_millis()).unwrap_or(i64::MAX);
        let rule = CounterRule::Window { failures: self.rules.failures_per_name, counts_ms };
        Limited { key: self.hash.of_guess(guess), rule, budget: Budget::of_guess(guess) }
    }

    fn counted(&self, what: &Counted) -> Limited {
        let rules = &self.rules;
        let (calls, per_ms) = match what {
            Counted::Registration(_) => (rules.registrations_per_hour, HOUR_MS),
            Counted::Mail(_) => (rules.mails_per_hour, HOUR_MS),
            Counted::ClientFailure(_) => (rules.client_failures_per_minute, MINUTE_MS),
            Counted::Revocation(_) => (rules.revocations_per_client_per_minute, MINUTE_MS),
        };
        let rule = CounterRule::Rate { calls, per_ms };
        Limited { key: self.hash.of_counted(what), rule, budget: Budget::of_counted(what) }
    }
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

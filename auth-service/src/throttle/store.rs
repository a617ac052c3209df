//! The store that all replicas share, and what happens while it is away.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use service_kit::database::Database;
use shared_claims::issuer::RedisAddress;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Limited;
use super::place::{Place, StoreError};
use crate::domain::{AttemptEnd, AttemptId, Begin, RefusedBy, Remaining};

/// How long the housekeeping may take.
const HOUSEKEEPING_LIMIT: Duration = Duration::from_secs(1);
/// How long the store is left alone after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// The most attempts that are remembered because their end could not be told.
const MOST_UNTOLD: usize = 4096;

/// Where the counters stand that all replicas share.
#[derive(Clone)]
pub enum CounterStore {
    /// In Redis, under this prefix.
    Redis {
        /// Where Redis is.
        address: RedisAddress,
        /// What the keys begin with.
        prefix: String,
    },
    /// In the database.
    Database(Database),
}

/// An attempt that begins in several counters at once.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) attempt: AttemptId,
    pub(super) what: Begin,
    pub(super) counters: Vec<Limited>,
    pub(super) now_ms: i64,
}

/// How an attempt ends in one of its counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) counter: Limited,
    pub(super) how: AttemptEnd,
}

/// The answer to an attempt that wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It is counted: what is left of each counter. `None` for a new one for which the store has no room.
    Counted(Vec<Option<Remaining>>),
    /// Nothing is counted: a counter has no room for the attempt.
    No(RefusedBy),
}

/// The shared store, with the knowledge whether it answers. Cheap to clone.
#[derive(Clone)]
pub(super) struct SharedStore(Arc<Shared>);

struct Shared {
    /// Where steps run. A worker that serves requests may be so busy that an answer is read too late, and the store would seem
    /// to be away.
    runtime: Handle,
    place: Place,
    availability: Mutex<Availability>,
    /// Attempts that still count as under way in the store, because it was away when they ended.
    untold: Mutex<VecDeque<(AttemptId, Limited)>>,
    housekeeping: Mutex<Option<Instant>>,
    is_keeping_house: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Availability {
    Available,
    /// The store failed, and is asked again at this time.
    Away {
        next_try: Instant,
    },
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoAnswer {
    /// The store is left alone.
    NotAsked,
    /// It was asked, and failed. What was asked of it may have happened.
    Failed,
}

impl SharedStore {
    /// Steps run on the current runtime.
    pub(super) fn new(store: CounterStore, max_counters: u32) -> Self {
        Self(Arc::new(Shared {
            runtime: Handle::current(),
            place: Place::of(store, max_counters),
            availability: Mutex::new(Availability::Available),
            untold: Mutex::default(),
            housekeeping: Mutex::default(),
            is_keeping_house: AtomicBool::new(false),
        }))
    }

    /// Counts an attempt in all of these counters, or in none. `None` while the store is away.
    pub(super) async fn begin(&self, step: Step) -> Option<Begun> {
        let (attempt, counters) = (step.attempt, step.counters.clone());
        match self.asked(|shared| async move { shared.place.begin(&step).await }).await {
            Ok(begun) => Some(begun),
            Err(NoAnswer::NotAsked) => None,
            // It may have counted the attempt all the same.
            Err(NoAnswer::Failed) => {
                self.0.remember_untold(attempt, counters);
                None
            }
        }
    }

    /// Ends an attempt in some of its counters. Returns for each whether this failure filled it; `None` while the store is
    /// away.
    pub(super) async fn end(&self, attempt: AttemptId, ends: Vec<Ending>, now_ms: i64) -> Option<Vec<bool>> {
        let counters: Vec<_> = ends.iter().map(|end| end.counter).collect();
        let ended =
            self.asked(|shared| async move { shared.place.end(attempt, &ends, now_ms).await }).await.ok();
        if ended.is_none() {
            self.0.remember_untold(attempt, counters);
        }
        ended
    }

    /// Looks from time to time how full the store is, and tells it of attempts that ended while it was away. In the
    /// background: nobody waits for it.
    pub(super) fn keep_house(&self, now_ms: i64) {
        let shared = &self.0;
        {
            let mut last = shared.housekeeping.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = last.is_none_or(|last| last.elapsed() >= shared.place.housekeeping_every());
            if !is_due || !self.is_available() || shared.is_keeping_house.swap(true, Ordering::Relaxed) {
                return;
            }
            *last = Some(Instant::now());
        }
        let shared = Arc::clone(shared);
        self.0.runtime.spawn(async move {
            let kept = tokio::time::timeout(HOUSEKEEPING_LIMIT, async {
                shared.tell_ended(now_ms).await?;
                shared.place.keep_house(now_ms).await
            });
            // A store that is away is noticed, and logged, where an attempt needs it.
            if let Ok(Err(error)) = kept.await {
                tracing::debug!(%error, "throttle.housekeeping_failed");
            }
            shared.is_keeping_house.store(false, Ordering::Relaxed);
        });
    }

    #[cfg(test)]
    pub(super) fn untold(&self) -> usize {
        self.0.untold.lock().unwrap().len()
    }

    /// The number of counters in the store at the last look.
    pub(super) fn live(&self) -> u64 {
        self.0.place.live()
    }

    /// Whether the store answered the last time it was asked.
    pub(super) fn is_available(&self) -> bool {
        *self.0.availability.lock().unwrap_or_else(PoisonError::into_inner) == Availability::Available
    }

    /// Runs a step within its time limit, unless the store is left alone.
    async fn asked<T: Send + 'static, F>(&self, step: impl FnOnce(Arc<Shared>) -> F) -> Result<T, NoAnswer>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        if !self.0.may_try() {
            return Err(NoAnswer::NotAsked);
        }
        let (limit, step) = (self.0.place.limit(), step(Arc::clone(&self.0)));
        let answer = self.0.runtime.spawn(async move { tokio::time::timeout(limit, step).await });
        // The task is not aborted, so it fails only if it panicked, which is logged, or the service stops.
        let answer = answer.await.unwrap_or(Ok(Err(StoreError::Stopped)));
        match answer.unwrap_or(Err(StoreError::TimedOut(limit))) {
            Ok(answer) => {
                self.0.note_answer();
                Ok(answer)
            }
            Err(error) => {
                self.0.note_failure(&error);
                Err(NoAnswer::Failed)
            }
        }
    }
}

impl Shared {
    fn remember_untold(&self, attempt: AttemptId, counters: Vec<Limited>) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.extend(counters.into_iter().map(|counter| (attempt, counter)));
        let excess = untold.len().saturating_sub(MOST_UNTOLD);
        untold.drain(..excess);
    }

    async fn tell_ended(&self, now_ms: i64) -> Result<(), StoreError> {
        loop {
            let next = self.untold.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((attempt, counter)) = next else { return Ok(()) };
            let end = Ending { counter, how: AttemptEnd::NotJudged };
            // If this fails, or comes to nothing because time is up, it is tried again.
            let mut again = Again { shared: self, untold: Some((attempt, counter)) };
            self.place.end(attempt, &[end], now_ms).await?;
            again.untold = None;
        }
    }

    /// Whether the store is to be asked. While it is away, one attempt a second asks it.
    fn may_try(&self) -> bool {
        let mut availability = self.availability.lock().unwrap_or_else(PoisonError::into_inner);
        match *availability {
            Availability::Available => true,
            Availability::Away { next_try } if Instant::now() < next_try => false,
            Availability::Away { .. } => {
                *availability = Availability::Away { next_try: Instant::now() + PAUSE };
                true
            }
        }
    }

    fn note_answer(&self) {
        let mut availability = self.availability.lock().unwrap_or_else(PoisonError::into_inner);
        if *availability != Availability::Available {
            *availability = Availability::Available;
            tracing::info!("throttle.store_available");
        }
    }

    fn note_failure(&self, error: &StoreError) {
        self.place.forget_connection();
        let mut availability = self.availability.lock().unwrap_or_else(PoisonError::into_inner);
        if *availability == Availability::Available {
            tracing::warn!(%error, "throttle.store_unavailable");
        }
        *availability = Availability::Away { next_try: Instant::now() + PAUSE };
    }
}

/// Puts an end back among those that the store is to be told, when dropped.
struct Again<'a> {
    shared: &'a Shared,
    untold: Option<(AttemptId, Limited)>,
}

impl Drop for Again<'_> {
    fn drop(&mut self) {
        if let Some(untold) = self.untold.take() {
            self.shared.untold.lock().unwrap_or_else(PoisonError::into_inner).push_front(untold);
        }
    }
}

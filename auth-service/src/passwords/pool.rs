//! The threads that hash. Whoever would wait too long for a turn is refused at once, and hashing has a lower priority than
//! answering requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use service_kit::telemetry::LogScope;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::PasswordError;
use super::queue::{Added, FairQueue, Ticket};
use crate::domain::CallerNetwork;

/// The priority of the hashing threads (`nice`), from 0, that of everything else, to 19, the lowest.
const NICENESS: i32 = 10;

/// The turn of a request would come too late: 503 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Overloaded;

/// The load of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPoolStatus {
    /// The number of hashes computed since the start.
    pub hashes: u64,
    /// The number of requests refused since the start because of overload.
    pub refused: u64,
    /// The number of requests that wait for their turn.
    pub waiting: usize,
    /// The number of threads that work for a request.
    pub running: usize,
    /// How long all requests together have waited for their turn since the start.
    pub waited: Duration,
    /// How long a turn takes, over the last turns; zero before the first.
    pub turn: Duration,
}

#[derive(Default)]
pub(super) struct Counter {
    hashes: AtomicU64,
}

impl Counter {
    /// Counts one bcrypt computation.
    pub(super) fn hash(&self) {
        self.hashes.fetch_add(1, Ordering::Relaxed);
    }
}

/// The limits of the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolSettings {
    /// The number of threads.
    pub(super) workers: usize,
    /// The most requests that wait.
    pub(super) queue_limit: usize,
    /// The longest time that a request may wait for its turn.
    pub(super) max_wait: Duration,
}

/// What a thread does at one turn.
type Work = Box<dyn FnOnce(&Counter) -> Answer + Send>;
/// Sends the result of the work to the request.
type Answer = Box<dyn FnOnce() + Send>;

struct Waiting {
    since: Instant,
    work: Work,
}

struct Pool {
    state: Mutex<State>,
    wake: Condvar,
    counter: Counter,
    settings: PoolSettings,
}

struct State {
    queue: FairQueue<Waiting>,
    /// The threads that work on something.
    busy: usize,
    is_closed: bool,
    refused: u64,
    waited: Duration,
    turn: Duration,
}

/// The pool. Its threads end when it is dropped and the queue is empty.
pub(super) struct HashPool(Arc<Pool>);

impl Drop for HashPool {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.wake.notify_all();
    }
}

impl HashPool {
    pub(super) fn new(settings: PoolSettings) -> Self {
        let settings = PoolSettings { workers: settings.workers.max(1), ..settings };
        let state = State {
            queue: FairQueue::new(),
            busy: 0,
            is_closed: false,
            refused: 0,
            waited: Duration::ZERO,
            turn: Duration::ZERO,
        };
        let counter = Counter::default();
        let pool = Arc::new(Pool { state: Mutex::new(state), wake: Condvar::new(), counter, settings });
        for number in 0..settings.workers {
            let pool = Arc::clone(&pool);
            let thread = std::thread::Builder::new().name(format!("hash-{number}"));
            // Without a single thread every request would be refused, after the longest wait.
            if let Err(error) = thread.spawn(move || pool.serve()) {
                tracing::error!(%error, "password.thread_not_started");
            }
        }
        Self(pool)
    }

    /// Runs this on a hashing thread when it is the turn of this network. Work that has begun is finished even if the
    /// request is cancelled, and work that waits is done at its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        network: CallerNetwork,
        work: impl FnOnce(&Counter) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (answer, answered) = oneshot::channel();
        let scope = LogScope::current();
        let work = Box::new(move |counter: &Counter| {
            let result = catch_unwind(AssertUnwindSafe(|| scope.run(|| work(counter))));
            let result = result.unwrap_or(Err(PasswordError::Panicked));
            // Nobody receives the result of a request that was cancelled.
            Box::new(move || drop(answer.send(result))) as Answer
        });
        let ticket = self.0.enter(network, work)?;
        let mut answered = answered;
        match tokio::time::timeout(self.0.settings.max_wait, &mut answered).await {
            Ok(answer) => answer.unwrap_or(Err(Overloaded.into())),
            Err(_) if self.0.withdraw(network, ticket) => Err(Overloaded.into()),
            // Its turn has come.
            Err(_) => answered.await.unwrap_or(Err(Overloaded.into())),
        }
    }

    pub(super) fn status(&self) -> HashPoolStatus {
        let hashes = self.0.counter.hashes.load(Ordering::Relaxed);
        let state = self.0.lock();
        HashPoolStatus {
            hashes,
            refused: state.refused,
            waiting: state.queue.length(),
            running: state.busy,
            waited: state.waited,
            turn: state.turn,
        }
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, network: CallerNetwork, work: Work) -> Result<Ticket, Overloaded> {
        let mut state = self.lock();
        if state.expected_wait(network, self.settings.workers) > self.settings.max_wait {
            state.refused += 1;
            return Err(Overloaded);
        }
        // What a free thread is about to take does not count as waiting.
        let free = self.settings.workers.saturating_sub(state.busy);
        let limit = self.settings.queue_limit.saturating_add(free);
        let ticket = match state.queue.add(network, Waiting { since: Instant::now(), work }, limit) {
            Added::Waiting(ticket) => ticket,
            // The work is dropped without a result, which its request takes as a refusal.
            Added::Instead(ticket, _) => {
                state.refused += 1;
                ticket
            }
            Added::Full => {
                state.refused += 1;
                return Err(Overloaded);
            }
        };
        drop(state);
        self.wake.notify_one();
        Ok(ticket)
    }

    /// Whether the work was still waiting. It is refused then.
    fn withdraw(&self, network: CallerNetwork, ticket: Ticket) -> bool {
        let mut state = self.lock();
        let was_waiting = state.queue.withdraw(network, ticket).is_some();
        state.refused += u64::from(was_waiting);
        was_waiting
    }

    fn serve(&self) {
        lower_priority();
        while let Some(work) = self.next() {
            let began = Instant::now();
            let answer = work(&self.counter);
            let took = began.elapsed();
            let mut state = self.lock();
            state.busy -= 1;
            state.turn = if state.turn.is_zero() { took } else { (state.turn * 7 + took) / 8 };
            drop(state);
            // Only now, so that whoever asks again at once does not wait for this thread.
            answer();
        }
    }

    /// Waits for work. Work whose request was cancelled and whose turn comes too late is dropped.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            match state.queue.next() {
                Some(Waiting { since, work }) if since.elapsed() <= self.settings.max_wait => {
                    state.busy += 1;
                    state.waited += since.elapsed();
                    return Some(work);
                }
                Some(_) => state.refused += 1,
                None if state.is_closed => return None,
                None => state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl State {
    /// How long a new request of this network would wait for its turn.
    fn expected_wait(&self, network: CallerNetwork, workers: usize) -> Duration {
        let before = self.queue.ahead_of(network) + self.busy;
        // One that finds a free thread waits for nobody.
        let rounds = (before + 1).saturating_sub(workers);
        let turns = u32::try_from(rounds).unwrap_or(u32::MAX);
        self.turn.saturating_mul(turns) / u32::try_from(workers).unwrap_or(u32::MAX)
    }
}

/// On Linux a priority belongs to one thread. Elsewhere it belongs to the process and is left alone.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "password.priority_not_lowered");
    }
}

#[cfg(test)]
mod tests;

//! The queue for connections, with a limit on length and waiting time, and the threads on which Diesel's blocking calls
//! run.
//!
//! Work that waits is passed from the thread that has finished earlier work to the same thread. A semaphore would first
//! wake the task of the caller, which would then wake a thread: under load that is two changes of threads more for each piece
//! of work, and the connection stays unused until the caller's worker gets to that task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

use super::DatabaseError;
use super::job::InFlightJob;

/// As many slots as there are connections, and the work that waits for one: first come, first served.
pub(super) struct Queue {
    state: Mutex<State>,
    size: u32,
    limit: usize,
    /// Notified when all slots become free.
    idle: Notify,
}

struct State {
    free: u32,
    waiting: VecDeque<Arc<InFlightJob>>,
}

/// What follows for work that enters the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It has a slot: the caller starts it.
    WithSlot,
    /// It waits. Whoever gives back a slot starts it.
    Waiting,
}

impl Queue {
    /// A queue with this many slots, in which at most `limit` pieces of work wait.
    pub(super) fn new(size: u32, limit: usize) -> Self {
        let state = State { free: size, waiting: VecDeque::new() };
        Self { state: Mutex::new(state), size, limit, idle: Notify::new() }
    }

    /// Enters the queue. Fails if too much waits already.
    pub(super) fn enter(&self, job: &Arc<InFlightJob>) -> Result<Entered, DatabaseError> {
        let mut state = self.state();
        if state.free > 0 {
            state.free -= 1;
            return Ok(Entered::WithSlot);
        }
        if state.waiting.len() >= self.limit {
            return Err(DatabaseError::Overloaded);
        }
        state.waiting.push_back(Arc::clone(job));
        Ok(Entered::Waiting)
    }

    /// Removes work that waits. Returns `false` if it has got a slot.
    pub(super) fn leave(&self, job: &Arc<InFlightJob>) -> bool {
        let mut state = self.state();
        let place = state.waiting.iter().position(|waiting| Arc::ptr_eq(waiting, job));
        place.and_then(|place| state.waiting.remove(place)).is_some()
    }

    /// Gives back a slot. Returns the work that gets it, which the caller must start.
    #[must_use = "the work that gets the slot must be started"]
    pub(super) fn give_back(&self) -> Option<Arc<InFlightJob>> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.free += 1;
            if state.free == self.size {
                self.idle.notify_waiters();
            }
        }
        next
    }

    /// Waits until no slot is in use, for at most `wait_limit`. Returns whether none is.
    pub(super) async fn wait_until_idle(&self, wait_limit: Duration) -> bool {
        let all_are_free = async {
            loop {
                // Registered before the look, so that no notification is missed.
                let notified = self.idle.notified();
                if self.state().free == self.size {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(wait_limit, all_are_free).await.is_ok()
    }

    /// The number of pieces of work that wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The database's own threads. A thread that waits for a response that never comes would keep the runtime that started
/// it from shutting down; these threads belong to a separate runtime, whose shutdown does not wait.
pub(super) struct DatabaseThreads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl DatabaseThreads {
    /// Allows at most `threads` blocking threads at a time. A thread ends when it has been idle for a while.
    pub(super) fn start(threads: usize) -> Result<Self, DatabaseError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(threads)
            .thread_name("database")
            .enable_time()
            .build()
            .map_err(|error| DatabaseError::Settings(format!("cannot start threads: {error}")))?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for DatabaseThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

//! One piece of work in progress: which attempt may still act on it, and since when it has waited for the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::DatabaseError;
use super::pooled::Pooled;
use super::pulse::Pulse;
use super::transaction::Way;
use crate::telemetry::LogScope;

/// The work of a caller and the channel to the caller, independent of their types.
pub(super) trait Job: Send + Sync {
    /// Runs the work and stores its result.
    fn work(&self, pooled: &mut Pooled);
    /// Sends the result to the caller.
    fn deliver(&self);
    /// Sends an error to the caller instead.
    fn fail(&self, error: DatabaseError);
}

pub(super) struct Piece<T, E, F> {
    work: Mutex<Option<F>>,
    result: Mutex<Option<Result<T, E>>>,
    caller: Mutex<Option<oneshot::Sender<Result<T, E>>>>,
    scope: LogScope,
}

impl<T, E, F> Piece<T, E, F> {
    pub(super) fn new(work: F, caller: oneshot::Sender<Result<T, E>>) -> Self {
        let (work, caller) = (Mutex::new(Some(work)), Mutex::new(Some(caller)));
        Self { work, result: Mutex::new(None), caller, scope: LogScope::current() }
    }

    fn send(&self, result: Result<T, E>) {
        let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(caller) = caller {
            // An error means that the caller is gone.
            let _ = caller.send(result);
        }
    }
}

impl<T, E, F> Job for Piece<T, E, F>
where
    F: FnOnce(&mut Pooled) -> Result<T, E> + Send,
    T: Send,
    E: From<DatabaseError> + Send,
{
    fn work(&self, pooled: &mut Pooled) {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            let result = self.scope.run(|| work(pooled));
            *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    }

    fn deliver(&self) {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(result) = result {
            self.send(result);
        }
    }

    fn fail(&self, error: DatabaseError) {
        self.send(Err(error.into()));
    }
}

/// What the thread that runs the work is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for a new connection.
    Connecting,
    /// It waits for the first response on a connection. Nothing of the work was done yet.
    Opening,
    /// The work runs.
    Working,
    /// The caller has its result.
    Over,
}

/// The time limit of each stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) connect: Duration,
    pub(super) opening: Duration,
    /// The limit for each statement of the work, commit included.
    pub(super) statement: Duration,
}

struct State {
    /// The number of the current attempt. A thread of an earlier attempt must not continue.
    attempt: u32,
    stage: Stage,
    since: Instant,
    pulse: Option<Arc<Pulse>>,
    ticket: Option<OwnedSemaphorePermit>,
    /// The limit of abandoned calls was reached, so the ticket is kept until this call returns.
    is_retained: bool,
}

/// What happens to work that waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was done yet: start the attempt with this number on a new connection.
    Again(u32),
    /// The work failed while it waited in this stage.
    Failed(Stage),
}

pub(super) struct Flight {
    pub(super) way: Way,
    pub(super) job: Box<dyn Job>,
    /// After this moment connecting is not retried.
    pub(super) deadline: Instant,
    state: Mutex<State>,
}

impl Flight {
    pub(super) fn new(way: Way, job: Box<dyn Job>, ticket: OwnedSemaphorePermit, deadline: Instant) -> Self {
        let state = State {
            attempt: 0,
            stage: Stage::Connecting,
            since: Instant::now(),
            pulse: None,
            ticket: Some(ticket),
            is_retained: false,
        };
        Self { way, job, deadline, state: Mutex::new(state) }
    }

    /// Moves to the next stage. Returns `false` if this attempt was given up meanwhile; it must then do nothing more.
    pub(super) fn enter(&self, attempt: u32, next: Stage) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = state.attempt == attempt;
        if is_current {
            (state.stage, state.since) = (next, Instant::now());
        }
        is_current
    }

    /// Records that the attempt has a connection and waits for its first response. Returns `false` as
    /// [`enter`](Self::enter) does.
    pub(super) fn open_on(&self, attempt: u32, pulse: &Arc<Pulse>) -> bool {
        let is_current = self.enter(attempt, Stage::Opening);
        if is_current {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).pulse = Some(Arc::clone(pulse));
        }
        is_current
    }

    /// Gives up the current attempt if it waited too long.
    pub(super) fn give_up(&self, bounds: &Bounds) -> Option<Overdue> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = match state.stage {
            Stage::Connecting => state.since.elapsed() > bounds.connect,
            Stage::Opening => state.since.elapsed() > bounds.opening,
            Stage::Working => {
                let unanswered = state.pulse.as_ref().and_then(|pulse| pulse.unanswered_for());
                unanswered.is_some_and(|unanswered| unanswered > bounds.statement)
            }
            Stage::Over => false,
        };
        if !is_late {
            return None;
        }
        if let Some(pulse) = state.pulse.take() {
            pulse.abandon();
        }
        let (waited_in, is_first) = (state.stage, state.attempt == 0);
        state.attempt += 1;
        state.since = Instant::now();
        if waited_in == Stage::Opening && is_first {
            state.stage = Stage::Connecting;
            return Some(Overdue::Again(state.attempt));
        }
        state.stage = Stage::Over;
        Some(Overdue::Failed(waited_in))
    }

    /// Returns the ticket to the queue.
    pub(super) fn release(&self) {
        let ticket = self.state.lock().unwrap_or_else(PoisonError::into_inner).ticket.take();
        drop(ticket);
    }

    /// Keeps the ticket until the thread that hangs returns.
    pub(super) fn retain(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.is_retained, state.stage) = (true, Stage::Over);
    }

    /// Called when an attempt that was given up has returned.
    pub(super) fn returned(&self) {
        let is_retained = self.state.lock().unwrap_or_else(PoisonError::into_inner).is_retained;
        if is_retained {
            self.release();
        }
    }
}

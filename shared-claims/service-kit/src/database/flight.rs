//! One piece of work on its way: who may still touch it, and since when it waits for the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::DatabaseError;
use super::pooled::Pooled;
use super::pulse::Pulse;
use super::transaction::Way;
use crate::telemetry::LogScope;

/// The work of a caller and the way back to them, whatever its types.
pub(super) trait Job: Send + Sync {
    /// Runs the work and keeps its result.
    fn work(&self, pooled: &mut Pooled);
    /// Sends the result.
    fn deliver(&self);
    /// Sends an error instead.
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
            // Whoever asked may have gone away.
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

/// What the thread of a flight waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A new connection.
    Connecting,
    /// The first answer on a connection: nothing was done yet.
    Opening,
    /// The work has begun.
    Working,
    /// The caller has an answer.
    Over,
}

/// How long each stage may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) connect: Duration,
    pub(super) opening: Duration,
    /// For each statement of the work, a commit included.
    pub(super) statement: Duration,
}

struct State {
    /// Counts the threads that were sent: only the latest may go on.
    attempt: u32,
    stage: Stage,
    since: Instant,
    pulse: Option<Arc<Pulse>>,
    ticket: Option<OwnedSemaphorePermit>,
    /// The bound of abandoned calls is reached: the ticket stays until this call returns.
    is_retained: bool,
}

/// What became of a flight that waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was done yet: try this attempt on a new connection.
    Again(u32),
    /// It is given up.
    Failed(Stage),
}

pub(super) struct Flight {
    pub(super) way: Way,
    pub(super) job: Box<dyn Job>,
    /// Until when connecting may be tried again.
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

    /// Moves on; `false` if this attempt was given up meanwhile and must touch nothing more.
    pub(super) fn enter(&self, attempt: u32, next: Stage) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = state.attempt == attempt;
        if is_current {
            (state.stage, state.since) = (next, Instant::now());
        }
        is_current
    }

    /// Has a connection whose first answer is awaited; `false` as in [`enter`](Self::enter).
    pub(super) fn open_on(&self, attempt: u32, pulse: &Arc<Pulse>) -> bool {
        let is_current = self.enter(attempt, Stage::Opening);
        if is_current {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).pulse = Some(Arc::clone(pulse));
        }
        is_current
    }

    /// Gives up what waited beyond its bound.
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

    /// Hands the ticket on.
    pub(super) fn release(&self) {
        let ticket = self.state.lock().unwrap_or_else(PoisonError::into_inner).ticket.take();
        drop(ticket);
    }

    /// Keeps the ticket until the thread that hangs returns.
    pub(super) fn retain(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.is_retained, state.stage) = (true, Stage::Over);
    }

    /// An attempt that was given up has returned.
    pub(super) fn returned(&self) {
        let is_retained = self.state.lock().unwrap_or_else(PoisonError::into_inner).is_retained;
        if is_retained {
            self.release();
        }
    }
}

//! A job (one piece of work in the database) in progress: which attempt may still act on it, and for how long it has
//! waited for the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::DatabaseError;
use super::connections::ManagedConnection;
use super::error::FailureKind;
use super::transaction::AccessMode;
use crate::telemetry::LogScope;

/// The work of a caller and the channel to the caller, independent of their types.
pub(super) trait Job: Send + Sync {
    /// Runs the work and stores its result.
    fn run(&self, pooled: &mut ManagedConnection);
    /// Sends the result to the caller.
    fn deliver(&self);
    /// Sends an error to the caller instead.
    fn fail(&self, error: DatabaseError);
}

pub(super) struct TypedJob<T, E, F> {
    work: Mutex<Option<F>>,
    result: Mutex<Option<Result<T, E>>>,
    caller: Mutex<Option<oneshot::Sender<Result<T, E>>>>,
    scope: LogScope,
}

impl<T, E, F> TypedJob<T, E, F> {
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

impl<T, E, F> Job for TypedJob<T, E, F>
where
    F: FnOnce(&mut ManagedConnection) -> Result<T, E> + Send,
    T: Send,
    E: From<DatabaseError> + Send,
{
    fn run(&self, pooled: &mut ManagedConnection) {
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
    Done,
}

/// The time limit of each stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    pub(super) connect: Duration,
    pub(super) opening: Duration,
    /// The limit for each statement of the work, commit included.
    pub(super) statement: Duration,
}

struct JobState {
    /// The number of the current attempt. A thread of an earlier attempt must not continue.
    attempt: u32,
    stage: Stage,
    since: Instant,
    activity: Option<Arc<ConnectionActivity>>,
    /// Whether it has a slot of the queue.
    has_slot: bool,
    /// The limit of abandoned calls was reached, so the slot is kept until this call returns.
    is_retained: bool,
}

/// What happens to work that waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was done yet: start the attempt with this number on a new connection.
    Retry(u32),
    /// The work failed while it waited in this stage.
    Failed(Stage),
}

pub(super) struct InFlightJob {
    pub(super) mode: AccessMode,
    pub(super) work: Box<dyn Job>,
    /// After this moment connecting is not retried.
    pub(super) deadline: Instant,
    state: Mutex<JobState>,
}

impl InFlightJob {
    pub(super) fn new(mode: AccessMode, work: Box<dyn Job>, deadline: Instant) -> Self {
        let state = JobState {
            attempt: 0,
            stage: Stage::Connecting,
            since: Instant::now(),
            activity: None,
            has_slot: false,
            is_retained: false,
        };
        Self { mode, work, deadline, state: Mutex::new(state) }
    }

    /// Begins the first attempt, with a slot of the queue.
    pub(super) fn begin(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.has_slot, state.since) = (true, Instant::now());
    }

    /// Whether it has got a slot.
    pub(super) fn has_begun(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.has_slot || state.stage != Stage::Connecting
    }

    /// Moves to the next stage. Returns `false` if this attempt was given up meanwhile; it must then do nothing more.
    pub(super) fn advance(&self, attempt: u32, next: Stage) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = state.attempt == attempt;
        if is_current {
            (state.stage, state.since) = (next, Instant::now());
        }
        is_current
    }

    /// Records that the attempt has a connection and waits for its first response. Returns `false` as
    /// [`advance`](Self::advance) does.
    pub(super) fn start_opening(&self, attempt: u32, activity: &Arc<ConnectionActivity>) -> bool {
        let is_current = self.advance(attempt, Stage::Opening);
        if is_current {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).activity = Some(Arc::clone(activity));
        }
        is_current
    }

    /// Gives up the current attempt if it waited too long.
    pub(super) fn give_up(&self, time_limits: &TimeLimits) -> Option<Overdue> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = match state.stage {
            Stage::Connecting => state.since.elapsed() > time_limits.connect,
            Stage::Opening => state.since.elapsed() > time_limits.opening,
            Stage::Working => {
                let unanswered = state.activity.as_ref().and_then(|activity| activity.unanswered_for());
                unanswered.is_some_and(|unanswered| unanswered > time_limits.statement)
            }
            Stage::Done => false,
        };
        if !is_late {
            return None;
        }
        if let Some(activity) = state.activity.take() {
            activity.abandon();
        }
        let (waited_in, is_first) = (state.stage, state.attempt == 0);
        state.attempt += 1;
        state.since = Instant::now();
        if waited_in == Stage::Opening && is_first {
            state.stage = Stage::Connecting;
            return Some(Overdue::Retry(state.attempt));
        }
        state.stage = Stage::Done;
        Some(Overdue::Failed(waited_in))
    }

    /// Takes its slot, to give it back to the queue. Returns whether there was one.
    pub(super) fn take_slot(&self) -> bool {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).has_slot)
    }

    /// Keeps the slot until the thread that hangs returns.
    pub(super) fn retain(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.is_retained, state.stage) = (true, Stage::Done);
    }

    /// Whether [`retain`](Self::retain) was called.
    pub(super) fn is_retained(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_retained
    }
}

/// The activity of one connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionActivity {
    state: Mutex<ActivityState>,
    is_abandoned: AtomicBool,
}

#[derive(Debug, Default)]
struct ActivityState {
    /// When the running statement was sent. `None` between statements.
    asked_at: Option<Instant>,
    /// Why the last statement failed. `None` when it succeeded.
    failure: Option<FailureKind>,
}

impl ConnectionActivity {
    /// The instrumentation that a connection needs to report here.
    pub(super) fn instrumentation(self: &Arc<Self>) -> impl Instrumentation + use<> {
        let activity = Arc::clone(self);
        move |event: InstrumentationEvent<'_>| activity.record(&event)
    }

    fn record(&self, event: &InstrumentationEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            InstrumentationEvent::StartQuery { .. } => state.asked_at = Some(Instant::now()),
            InstrumentationEvent::FinishQuery { error, .. } => {
                state.asked_at = None;
                state.failure = error.map(FailureKind::of);
            }
            _ => {}
        }
    }

    /// Forgets the state of earlier work.
    pub(super) fn reset(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = ActivityState::default();
    }

    /// For how long the database has not answered the running statement. `None` between statements.
    pub(super) fn unanswered_for(&self) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at.map(|asked_at| asked_at.elapsed())
    }

    /// Why the last statement failed; `None` if it succeeded.
    pub(super) fn failure(&self) -> Option<FailureKind> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure
    }

    /// Marks the work as given up: its caller got an error, so nothing of it may be committed.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }
}

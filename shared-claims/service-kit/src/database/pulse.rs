//! The current activity of a connection. Diesel reports it, and the watching thread reads it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tokio::time::Instant;

use super::error::Trouble;

/// The activity of one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    state: Mutex<State>,
    is_abandoned: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// When the running statement was sent. `None` between statements.
    asked_at: Option<Instant>,
    /// Why the last statement failed. `None` when it succeeded.
    trouble: Option<Trouble>,
}

impl Pulse {
    /// The instrumentation that a connection needs to report here.
    pub(super) fn listener(self: &Arc<Self>) -> impl Instrumentation + use<> {
        let pulse = Arc::clone(self);
        move |event: InstrumentationEvent<'_>| pulse.note(&event)
    }

    fn note(&self, event: &InstrumentationEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            InstrumentationEvent::StartQuery { .. } => state.asked_at = Some(Instant::now()),
            InstrumentationEvent::FinishQuery { error, .. } => {
                state.asked_at = None;
                state.trouble = error.map(Trouble::of);
            }
            _ => {}
        }
    }

    /// Forgets the state of earlier work.
    pub(super) fn reset(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// For how long the database has not answered the running statement. `None` between statements.
    pub(super) fn unanswered_for(&self) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at.map(|asked_at| asked_at.elapsed())
    }

    /// Why the last statement failed; `None` if it succeeded.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble
    }

    /// Marks the work as given up: its caller got an error, so nothing of it may be committed.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }
}

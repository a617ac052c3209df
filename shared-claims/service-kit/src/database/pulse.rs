//! What a connection is doing, told by Diesel as it happens and read by the thread that watches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use tokio::time::Instant;

use super::error::Trouble;

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    state: Mutex<State>,
    is_abandoned: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// When the statement that runs was sent. `None` between statements.
    asked_at: Option<Instant>,
    /// Why the last statement failed. `None` when it succeeded.
    trouble: Option<Trouble>,
}

impl Pulse {
    /// What a connection is given so that it reports here.
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

    /// Forgets what the piece of work before did.
    pub(super) fn reset(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// How long the database has owed an answer. `None` between statements.
    pub(super) fn unanswered_for(&self) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at.map(|asked_at| asked_at.elapsed())
    }

    /// Why the last statement failed, if it did.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble
    }

    /// The work was answered with an error meanwhile: nothing of it may be committed any more.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }
}

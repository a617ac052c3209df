//! The connections that nobody uses, the last used first.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pooled::Pooled;

/// A connection is not kept for longer: names, passwords and routes change.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// Nor when it was not used for so long.
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);

#[derive(Default)]
pub(super) struct Idle {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stack: Vec<Pooled>,
    generation: u64,
}

impl Idle {
    /// The number that a new connection bears.
    pub(super) fn generation(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).generation
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stack.len()
    }

    pub(super) fn take(&self) -> Option<Pooled> {
        let mut old = Vec::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = loop {
            match state.stack.pop() {
                Some(pooled) if pooled.opened_at.elapsed() > MAX_AGE => old.push(pooled),
                other => break other,
            }
        };
        drop(state);
        // Closing says good-bye to the server: outside of the lock.
        drop(old);
        found
    }

    /// Keeps the connection, unless something is wrong with it or with all of its time.
    pub(super) fn put(&self, mut pooled: Pooled) {
        if pooled.is_unusable() {
            return;
        }
        pooled.used_at = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if pooled.generation != state.generation {
            drop(state);
            return;
        }
        state.stack.push(pooled);
        let unused = state.stack.iter().take_while(|pooled| pooled.used_at.elapsed() > MAX_IDLE).count();
        let unused: Vec<_> = state.stack.drain(..unused).collect();
        drop(state);
        drop(unused);
    }

    /// Drops every connection, those in use as soon as they come back: one of them was found to lead to the wrong
    /// place, or nowhere, and the others were opened to the same.
    pub(super) fn renew(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.generation += 1;
        let all = std::mem::take(&mut state.stack);
        drop(state);
        drop(all);
    }
}

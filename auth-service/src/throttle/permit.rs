//! An attempt to log in that is counted, until it ends.

use std::sync::Arc;

use super::store::Ending;
use super::{Inner, Limited};
use crate::domain::{AttemptEnd, AttemptId, Remaining};

/// An attempt to log in that is counted. End it: otherwise it counts until its time is up.
#[must_use]
pub struct Permit {
    counted: Option<CountedAttempt>,
}

pub(super) struct CountedAttempt {
    pub(super) inner: Arc<Inner>,
    pub(super) attempt: AttemptId,
    /// The counter of the source, and that of the guesses.
    pub(super) counted: [Placed; 2],
}

/// A counter, and where an attempt was counted in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) counter: Limited,
    /// Whether this process counts, and not the store.
    pub(super) is_local: bool,
    pub(super) remaining: Option<Remaining>,
}

impl Permit {
    pub(super) fn new(counted: CountedAttempt) -> Self {
        Self { counted: Some(counted) }
    }

    /// The permit where nothing is limited.
    pub(super) fn of_nothing() -> Self {
        Self { counted: None }
    }

    /// What is left of the budget of the source; `None` if nothing is limited.
    pub fn remaining(&self) -> Option<Remaining> {
        let CountedAttempt { counted: [source, _], .. } = self.counted.as_ref()?;
        source.remaining
    }

    /// The attempt succeeded: it no longer counts, and the failures in this budget of guesses are forgotten.
    pub async fn succeed(self) {
        self.end(AttemptEnd::NotJudged, AttemptEnd::Succeeded).await;
    }

    /// The attempt failed. Returns whether this failure filled the budget of guesses, so that a lock begins: true for one
    /// failure alone, and never while the shared store is away or has no room.
    pub async fn fail(self) -> bool {
        self.end(AttemptEnd::Failed, AttemptEnd::Failed).await
    }

    /// The attempt was not judged: it no longer counts.
    pub async fn give_back(self) {
        self.end(AttemptEnd::NotJudged, AttemptEnd::NotJudged).await;
    }

    /// Ends the attempt where it was counted. Returns whether it filled the budget of guesses in the store.
    async fn end(self, of_source: AttemptEnd, of_guess: AttemptEnd) -> bool {
        let Some(CountedAttempt { inner, attempt, counted: [source, guess] }) = self.counted else {
            return false;
        };
        let now_ms = inner.now_ms();
        let ends = [(source, of_source), (guess, of_guess)];
        let ends = ends.map(|(placed, how)| (placed.is_local, Ending { counter: placed.counter, how }));
        let in_store: Vec<_> = ends.iter().filter(|(is_local, _)| !is_local).map(|(_, end)| *end).collect();
        let filled = inner.end_in_store(attempt, in_store, now_ms).await;
        for (is_local, end) in ends {
            // A failure that the store could not be told counts here.
            let is_lost = filled.is_none() && end.how == AttemptEnd::Failed;
            if is_local || is_lost {
                inner.local.end(attempt, end, now_ms);
            }
        }
        inner.waiting.wake([source.counter.key, guess.counter.key]);
        // The budget of guesses is the last one.
        let is_filled = filled.and_then(|filled| filled.last().copied()).unwrap_or(false);
        is_filled && !guess.is_local
    }
}

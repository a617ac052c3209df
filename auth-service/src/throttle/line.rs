//! Attempts on one counter take turns: those of this process ask the store one after the other, so that many at once do not
//! slow it down for everybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

use super::key::CounterKey;

type Line = Arc<tokio::sync::Mutex<()>>;

/// A line for each counter that somebody uses at the moment.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<CounterKey, Line>>);

/// A turn. The next one's comes when it is dropped.
pub(super) struct Turn<'a> {
    lines: &'a Lines,
    key: CounterKey,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Lines {
    /// Waits for the turn, until `end` at most.
    pub(super) async fn turn(&self, key: CounterKey, end: Instant) -> Option<Turn<'_>> {
        let line = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        // Also removes the line if this future is dropped while it waits.
        let mut turn = Turn { lines: self, key, guard: None };
        turn.guard = Some(timeout_at(end, line.lock_owned()).await.ok()?);
        Some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits, or has the turn, holds the line.
        if lines.get(&self.key).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_take_turns_and_leave_nothing_behind() {
        let (lines, now) = (Lines::default(), Instant::now());
        let key = CounterKey([1; 16]);
        let first = lines.turn(key, now).await;
        assert!(first.is_some());
        assert!(lines.turn(key, now).await.is_none(), "the first has the turn");
        assert!(lines.turn(CounterKey([2; 16]), now).await.is_some(), "another counter");
        drop(first);
        assert!(lines.turn(key, now).await.is_some());
        assert!(lines.0.lock().unwrap().is_empty());
    }
}

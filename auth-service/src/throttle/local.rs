//! Counters in this process: a table of fixed size. Names whose hashes fall on the same place share a counter.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::key::CounterKey;
use super::store::{Ending, Step};
use crate::domain::{AttemptCounter, AttemptId, RefusedBy, Remaining, Stepped, begin_in_all};

/// How many places are looked at in each step for counters that have ended.
const SWEPT: u16 = 4;

/// The counters by their places, of which there are 65,536.
#[derive(Default)]
struct Table {
    counters: HashMap<u16, AttemptCounter>,
    /// The next place to be swept.
    sweep: u16,
}

#[derive(Default)]
pub(super) struct LocalTable(Mutex<Table>);

impl LocalTable {
    /// Counts an attempt in all of these counters, or in none. Returns what is left of each.
    pub(super) fn begin(&self, step: &Step) -> Result<Vec<Remaining>, RefusedBy> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Copies, so that a refused attempt changes nothing. Two counters may have the same place.
        let mut states: Vec<_> = step.counters.iter().map(|limited| table.get(limited.key)).collect();
        let counters = step.counters.iter().map(|limited| limited.rule).zip(&mut states);
        let Stepped { refusal, is_changed } = begin_in_all(counters, step.attempt, step.what, step.now_ms);
        let mut remaining = Vec::with_capacity(states.len());
        for (limited, mut state) in step.counters.iter().zip(states).filter(|_| is_changed) {
            remaining.push(state.remaining(limited.rule, step.now_ms));
            table.put(limited.key, state, step.now_ms);
        }
        table.sweep(step.now_ms);
        refusal.map_or(Ok(remaining), Err)
    }

    /// Ends an attempt in one of its counters, whether or not it began here.
    pub(super) fn end(&self, attempt: AttemptId, Ending { counter, how }: Ending, now_ms: i64) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = table.get(counter.key);
        state.end(counter.rule, attempt, how, now_ms);
        table.put(counter.key, state, now_ms);
        table.sweep(now_ms);
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.0.lock().unwrap().counters.len()
    }
}

impl Table {
    fn get(&self, key: CounterKey) -> AttemptCounter {
        self.counters.get(&place(key)).cloned().unwrap_or_default()
    }

    fn put(&mut self, key: CounterKey, state: AttemptCounter, now_ms: i64) {
        if state.empty_at_ms() > now_ms {
            self.counters.insert(place(key), state);
        } else {
            self.counters.remove(&place(key));
        }
    }

    /// Drops counters that have ended, a few places in each step.
    fn sweep(&mut self, now_ms: i64) {
        for _ in 0..SWEPT {
            if self.counters.get(&self.sweep).is_some_and(|state| state.empty_at_ms() <= now_ms) {
                self.counters.remove(&self.sweep);
            }
            self.sweep = self.sweep.wrapping_add(1);
        }
    }
}

fn place(CounterKey([first, second, ..]): CounterKey) -> u16 {
    u16::from_le_bytes([first, second])
}

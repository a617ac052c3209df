//! Counters that were full a moment ago: an attempt on one of them is refused without asking the store again, so that whoever
//! floods does not flood the store.
//!
//! What fills a counter ends only by time, so nothing is refused that the store would allow, but after a store lost its data:
//! therefore a second later the store is asked again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Limited;
use super::key::CounterKey;
use crate::domain::{RefusedBy, Verdict};

/// How long the store's word is taken.
const TAKEN_FOR: Duration = Duration::from_secs(1);
/// The most counters. All are forgotten when there are more.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct KnownFull(Mutex<HashMap<CounterKey, (i64, Instant)>>);

impl KnownFull {
    /// The refusal by the first counter that is known to be full.
    pub(super) fn find(&self, counters: &[Limited], now_ms: i64) -> Option<RefusedBy> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until =
            |key| known.get(&key).filter(|(until_ms, seen)| now_ms < *until_ms && seen.elapsed() < TAKEN_FOR);
        let full = |(counter, limited): (usize, &Limited)| {
            let (until_ms, _) = *until(limited.key)?;
            // A clock that was set back would make the caller wait for too long.
            let is_plausible = until_ms.saturating_sub(now_ms) <= limited.rule.ms();
            is_plausible.then_some(RefusedBy { counter, verdict: Verdict::Full { until_ms } })
        };
        counters.iter().enumerate().find_map(full)
    }

    pub(super) fn note(&self, counters: &[Limited], refusal: RefusedBy) {
        let (Verdict::Full { until_ms }, Some(limited)) = (refusal.verdict, counters.get(refusal.counter))
        else {
            return;
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(limited.key, (until_ms, Instant::now()));
    }
}

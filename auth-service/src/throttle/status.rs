//! What the throttle counts about itself, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::key::Budget;

/// The numbers of this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThrottleStatus {
    /// Refusals because a counter was full, by the kind of the counter.
    pub refusals: Vec<(&'static str, u64)>,
    /// Attempts that waited for others under way.
    pub waits: u64,
    /// Attempts and calls that were counted in this process alone, at least in part.
    pub local: u64,
    /// How many of them because the store had no room for a new counter.
    pub no_room: u64,
    /// The number of counters in the store at the last look.
    pub counters: u64,
    /// Whether the store answered the last time it was asked.
    pub is_store_up: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    refusals: [AtomicU64; Budget::ALL.len()],
    pub(super) waits: AtomicU64,
    pub(super) local: AtomicU64,
    pub(super) no_room: AtomicU64,
}

impl Tally {
    pub(super) fn note_refusal(&self, budget: Budget) {
        if let Some(count) = self.refusals.get(budget as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn status(&self, counters: u64, is_store_up: bool) -> ThrottleStatus {
        let refusals = Budget::ALL.into_iter().zip(&self.refusals);
        ThrottleStatus {
            refusals: refusals
                .map(|(budget, count)| (budget.as_str(), count.load(Ordering::Relaxed)))
                .collect(),
            waits: self.waits.load(Ordering::Relaxed),
            local: self.local.load(Ordering::Relaxed),
            no_room: self.no_room.load(Ordering::Relaxed),
            counters,
            is_store_up,
        }
    }
}

//! Counters of pruning, for metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::Table;

/// What this replica has pruned.
#[derive(Debug, Default)]
pub struct PruneStatus {
    rows: [AtomicU64; Table::ALL.len()],
    finished_at_s: AtomicI64,
}

impl PruneStatus {
    pub(super) fn add(&self, table: Table, rows: usize) {
        if let Some(sum) = self.rows.get(table as usize) {
            sum.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(super) fn finish(&self, now_s: i64) {
        self.finished_at_s.store(now_s, Ordering::Relaxed);
    }

    /// The number of rows removed from this table.
    pub fn rows(&self, table: Table) -> u64 {
        self.rows.get(table as usize).map_or(0, |sum| sum.load(Ordering::Relaxed))
    }

    /// When the last round ended, seconds since the Unix epoch; 0 if there was none.
    pub fn finished_at_s(&self) -> i64 {
        self.finished_at_s.load(Ordering::Relaxed)
    }
}

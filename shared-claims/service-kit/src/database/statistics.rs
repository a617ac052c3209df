//! The recent state of the database.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// If the database has answered no work for this long while work was waiting, it counts as down, not as busy.
const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(5);

/// For how long `/readyz` reports that a write failed because the disk is full.
const DISK_FULL_FOR: Duration = Duration::from_secs(10);

/// The most threads that may hang at the same time in calls that were given up. Each holds a thread and a connection,
/// so there is a limit. Beyond it, a connection that hangs keeps its place in the pool.
pub(super) const MAX_ABANDONED: u32 = 128;

/// Counters and times that the pools of one database share.
#[derive(Debug)]
pub(super) struct Statistics {
    responded_at: Mutex<Instant>,
    full_at: Mutex<Option<Instant>>,
    abandoned: AtomicU32,
    abandoned_total: AtomicU64,
    repeated_total: AtomicU64,
}

impl Statistics {
    pub(super) fn new() -> Self {
        Self {
            responded_at: Mutex::new(Instant::now()),
            full_at: Mutex::new(None),
            abandoned: AtomicU32::new(0),
            abandoned_total: AtomicU64::new(0),
            repeated_total: AtomicU64::new(0),
        }
    }

    /// Records that the database answered.
    pub(super) fn record_response(&self) {
        *self.responded_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether the database has answered nothing for some seconds. Says something only while work is waiting.
    pub(super) fn is_unresponsive(&self) -> bool {
        self.responded_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= UNRESPONSIVE_AFTER
    }

    /// Records that a write failed because the disk is full.
    pub(super) fn record_disk_full(&self) {
        *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a write failed a moment ago because the disk is full.
    pub(super) fn is_disk_full(&self) -> bool {
        let full_at = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.is_some_and(|at| at.elapsed() < DISK_FULL_FOR)
    }

    /// Counts a call that is given up. Returns whether another connection may take its place.
    pub(super) fn record_abandoned(&self) -> bool {
        self.abandoned_total.fetch_add(1, Ordering::Relaxed);
        self.abandoned.fetch_add(1, Ordering::Relaxed) < MAX_ABANDONED
    }

    /// Records that a call that was given up has returned.
    pub(super) fn record_return(&self) {
        self.abandoned.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn abandoned(&self) -> u32 {
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(super) fn abandoned_total(&self) -> u64 {
        self.abandoned_total.load(Ordering::Relaxed)
    }

    /// Counts a transaction that is repeated.
    pub(super) fn record_repeat(&self) {
        self.repeated_total.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeated_total(&self) -> u64 {
        self.repeated_total.load(Ordering::Relaxed)
    }
}

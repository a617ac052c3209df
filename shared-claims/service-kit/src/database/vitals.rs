//! How the database has been doing lately.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A database that answered nobody for so long while work was waiting is down, not busy.
const SILENCE: Duration = Duration::from_secs(5);

/// For so long after a write was refused for want of room `/readyz` says so.
const FULL_FOR: Duration = Duration::from_secs(10);

/// Threads that may hang at once in calls that were given up. Each holds a connection and a thread, so there is a
/// bound; beyond it a connection that hangs keeps its place in the pool.
pub(super) const MAX_ABANDONED: u32 = 128;

/// Counts and moments that the lanes of one database share.
#[derive(Debug)]
pub(super) struct Vitals {
    answered_at: Mutex<Instant>,
    full_at: Mutex<Option<Instant>>,
    abandoned: AtomicU32,
    abandoned_total: AtomicU64,
    repeated_total: AtomicU64,
}

impl Vitals {
    pub(super) fn new() -> Self {
        Self {
            answered_at: Mutex::new(Instant::now()),
            full_at: Mutex::new(None),
            abandoned: AtomicU32::new(0),
            abandoned_total: AtomicU64::new(0),
            repeated_total: AtomicU64::new(0),
        }
    }

    /// The database answered somebody.
    pub(super) fn answered(&self) {
        *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether the database has let nobody through for some seconds.
    pub(super) fn is_silent(&self) -> bool {
        self.answered_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= SILENCE
    }

    /// A write was refused for want of room.
    pub(super) fn found_full(&self) {
        *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a write was refused for want of room a moment ago.
    pub(super) fn is_full(&self) -> bool {
        let full_at = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.is_some_and(|at| at.elapsed() < FULL_FOR)
    }

    /// A call is given up; whether its place may go to another connection.
    pub(super) fn abandon(&self) -> bool {
        self.abandoned_total.fetch_add(1, Ordering::Relaxed);
        self.abandoned.fetch_add(1, Ordering::Relaxed) < MAX_ABANDONED
    }

    /// A call that was given up has returned.
    pub(super) fn returned(&self) {
        self.abandoned.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn abandoned(&self) -> u32 {
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(super) fn abandoned_total(&self) -> u64 {
        self.abandoned_total.load(Ordering::Relaxed)
    }

    /// A transaction is run a second time.
    pub(super) fn repeat(&self) {
        self.repeated_total.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeated_total(&self) -> u64 {
        self.repeated_total.load(Ordering::Relaxed)
    }
}

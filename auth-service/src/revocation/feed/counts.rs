//! What the feed counts, for metrics.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Reads of the log that began.
    pub(super) reads: AtomicU64,
    /// Requests that were answered with a page.
    pub(super) answers: AtomicU64,
}

/// How the feed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    /// Requests that are open.
    pub followers: usize,
    /// Reads of the log that began.
    pub reads: u64,
    /// Requests that were answered with a page.
    pub answers: u64,
    /// How long ago the last good read began; zero before the first one.
    pub read_age: Duration,
}

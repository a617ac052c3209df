//! A clock to panic by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::clock::{Clock, SystemClock};

/// The system's clocks, which panic when they were told to, in background tasks alone: a way to make those panic from
/// outside. (The future that a runtime blocks on, such as a test's, is no task.)
///
/// ```
/// use shared_claims::testing::StumblingClock;
///
/// let clock = StumblingClock::new();
/// clock.stumble(2);
/// assert_eq!(clock.left(), 2);
/// ```
#[derive(Debug, Default)]
pub struct StumblingClock {
    left: AtomicU32,
}

impl StumblingClock {
    /// A clock that does not stumble yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Panics the next `times` times that a task asks for the boot time.
    pub fn stumble(&self, times: u32) {
        self.left.store(times, Ordering::SeqCst);
    }

    /// How many times it will panic yet.
    pub fn left(&self) -> u32 {
        self.left.load(Ordering::SeqCst)
    }
}

impl Clock for StumblingClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms()
    }

    fn boot_ms(&self) -> u64 {
        let one_less = |left: u32| left.checked_sub(1);
        let stumbles = tokio::task::try_id().is_some()
            && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        assert!(!stumbles, "the clock stumbles, as it was told to");
        SystemClock.boot_ms()
    }
}

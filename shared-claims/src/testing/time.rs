//! A clock that panics on demand, and a way to wait for a condition instead of for a fixed time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};

/// The system's clocks, which panic on demand, but only in background tasks. A test can so make a background task panic
/// from outside. (The future on which a runtime blocks, such as a test's own, is not a task.)
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
    /// A clock that does not panic yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes the next `times` calls for the boot time panic, if they come from a task.
    pub fn stumble(&self, times: u32) {
        self.left.store(times, Ordering::SeqCst);
    }

    /// How many panics are still to come.
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
        assert!(!stumbles, "the clock panics, as the test requested");
        SystemClock.boot_ms()
    }
}

/// Waits until `condition` holds; checks it every few milliseconds.
///
/// ```
/// use std::time::Duration;
/// use shared_claims::testing::eventually;
/// use shared_claims::verifier::Verifier;
///
/// async fn is_ready(verifier: &Verifier) {
///     eventually("the keys are there", Duration::from_secs(5), || async { verifier.status().is_ready() }).await;
/// }
/// ```
pub async fn eventually<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> F,
) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(limit, waiting).await.is_ok(), "not fulfilled within {limit:?}: {what}");
}

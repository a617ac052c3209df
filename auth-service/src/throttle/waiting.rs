//! Attempts that wait until another one ends.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, timeout_at};

use super::key::CounterKey;

/// The number of places. An end wakes one attempt at a place: there is room for one more.
const PLACES: usize = 256;

/// How long the first wait lasts at most, because an attempt that ends on another replica, or whose counter shares its place
/// with others, wakes nobody here. Each further wait is longer, up to four times this.
const LONGEST: Duration = Duration::from_millis(100);

pub(super) struct Waiting(Box<[Notify; PLACES]>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Notify::new())))
    }
}

/// The next end of an attempt in one of two counters. Take it before looking at the counters, so that no end is missed.
pub(super) struct NextEnd<'a>(Notified<'a>, Notified<'a>);

impl Waiting {
    pub(super) fn next_end(&self, [one, other]: [CounterKey; 2]) -> NextEnd<'_> {
        NextEnd(self.place(one).notified(), self.place(other).notified())
    }

    pub(super) fn wake(&self, keys: [CounterKey; 2]) {
        for key in keys {
            self.place(key).notify_one();
        }
    }

    fn place(&self, CounterKey([first, ..]): CounterKey) -> &Notify {
        #[expect(clippy::indexing_slicing, reason = "there is a place for each byte")]
        &self.0[usize::from(first)]
    }
}

impl NextEnd<'_> {
    /// Waits for it, until `end` at most. `waits` says how often the attempt has waited before.
    pub(super) async fn wait(self, waits: u32, end: Instant) {
        let longest = LONGEST * (waits + 1).min(4);
        let either = async {
            tokio::select! {
                () = self.0 => {}
                () = self.1 => {}
            }
        };
        // A time-out is a reason to look again, as an end is.
        let _ = timeout_at(end.min(Instant::now() + longest), either).await;
    }
}

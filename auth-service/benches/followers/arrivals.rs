//! Records when each reader learnt of each event.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Events are numbered consecutively. A reader that knows an event knows all earlier ones.
pub(crate) struct Arrivals {
    size: usize,
    times: Mutex<BTreeMap<i64, Vec<Instant>>>,
    complete: Notify,
}

impl Arrivals {
    /// Records the arrivals at this number of readers.
    pub(crate) fn at(size: usize) -> Self {
        Self { size, times: Mutex::default(), complete: Notify::new() }
    }

    /// The number of readers.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A reader that knew the events up to `known` now knows those up to `reached`.
    pub(crate) fn learnt(&self, known: i64, reached: i64) {
        let now = Instant::now();
        let mut times = self.times.lock().unwrap();
        for event in known + 1..=reached {
            let of_event = times.entry(event).or_default();
            of_event.push(now);
            if of_event.len() == self.size {
                self.complete.notify_waiters();
            }
        }
    }

    /// Waits until all readers know the event, but not longer than `limit`. Returns whether they do.
    pub(crate) async fn wait_for_all(&self, event: i64, limit: Duration) -> bool {
        let waiting = async {
            loop {
                let complete = self.complete.notified();
                if self.times.lock().unwrap().get(&event).is_some_and(|times| times.len() >= self.size) {
                    return;
                }
                complete.await;
            }
        };
        tokio::time::timeout(limit, waiting).await.is_ok()
    }

    /// The time from `since` until each reader learnt of the event, in microseconds, sorted. For a reader that has not learnt
    /// of it yet, the time until now.
    pub(crate) fn micros_since(&self, event: i64, since: Instant) -> Vec<u64> {
        let times = self.times.lock().unwrap();
        let mut known = times.get(&event).cloned().unwrap_or_default();
        known.resize(self.size.max(known.len()), Instant::now());
        let mut micros: Vec<u64> =
            known.iter().map(|at| at.saturating_duration_since(since).as_micros() as u64).collect();
        micros.sort_unstable();
        micros
    }
}

/// The times of several events.
#[derive(Default)]
pub(crate) struct Delays {
    /// For each event, the time until the last reader learnt of it, in microseconds.
    pub(crate) slowest: Vec<u64>,
    /// The times of all readers, in microseconds.
    pub(crate) all: Vec<u64>,
}

impl Delays {
    pub(crate) fn add(&mut self, sorted: &[u64]) {
        self.slowest.extend(sorted.last());
        self.all.extend_from_slice(sorted);
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.slowest.sort_unstable();
        self.all.sort_unstable();
        self
    }
}

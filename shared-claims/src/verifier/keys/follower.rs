//! The key set kept fresh in the background, so that no token waits for the network.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::fetch::{FetchError, Fetched, Fetcher, Known};
use super::schedule;
use super::set::KeySet;
use crate::background::until_done;
use crate::clock::{Clock, SharedClock};
use crate::jitter::Jitter;
use crate::verifier::metrics::Counters;

/// How long a token with an unknown `kid` waits for the one extra reading.
const PATIENCE: Duration = Duration::from_secs(2);

/// Readings under way at once while there is no set: a new one starts although an earlier one hangs.
const MAX_ATTEMPTS: usize = 16;

/// How the set is followed.
#[derive(Clone, Debug)]
pub(crate) struct FollowSettings {
    /// At least this long between two readings for unknown `kid`s.
    pub(crate) cooldown: Duration,
    /// How long the last good set serves while the issuer is away.
    pub(crate) max_age: Duration,
    /// What spreads the readings of verifiers that lost the same issuer.
    pub(crate) jitter: Jitter,
}

/// Follows the key set of an issuer until it is dropped.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    clock: SharedClock,
    counters: Arc<Counters>,
    settings: FollowSettings,
    held: ArcSwapOption<Held>,
    last_error: ArcSwapOption<String>,
    /// An unknown `kid` asks for a reading.
    wanted: Notify,
    wish: Mutex<Wish>,
    /// Moves with every reading that ends.
    readings: watch::Sender<u64>,
}

/// The extra reading for unknown `kid`s.
#[derive(Default)]
struct Wish {
    /// When one was last asked for, on the boot clock.
    asked_ms: Option<u64>,
    /// Whether that reading is still to come.
    open: bool,
}

struct Held {
    keys: Arc<KeySet>,
    /// When the reading that brought or confirmed it was sent, on the boot clock.
    as_of_ms: u64,
}

impl Follower {
    pub(crate) fn start(
        fetcher: Fetcher,
        settings: FollowSettings,
        clock: SharedClock,
        counters: Arc<Counters>,
    ) -> Self {
        let shared = Arc::new(Shared {
            clock,
            counters,
            settings,
            held: ArcSwapOption::empty(),
            last_error: ArcSwapOption::empty(),
            wanted: Notify::new(),
            wish: Mutex::default(),
            readings: watch::Sender::new(0),
        });
        let task = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                until_done("key set", || shared.panicked(), || follow(&shared, &fetcher)).await;
            })
        };
        Self { shared, task }
    }

    /// Looks into the set, if it may be used.
    pub(super) fn look<T>(&self, clock: &dyn Clock, look: impl FnOnce(&KeySet) -> T) -> Option<T> {
        let held = self.shared.held.load();
        let held = held.as_deref().filter(|held| self.shared.is_usable(held, clock))?;
        Some(look(&held.keys))
    }

    /// How old the set is, if there is one.
    pub(crate) fn age_ms(&self) -> Option<u64> {
        let held = self.shared.held.load_full()?;
        Some(self.shared.clock.boot_ms().saturating_sub(held.as_of_ms))
    }

    /// Why the last reading failed, if it did.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.shared.last_error.load_full().map(|error| error.as_ref().clone())
    }

    /// Waits until a reading has ended, well or badly, at most for `patience`.
    pub(crate) async fn first_reading(&self, patience: Duration) {
        let mut readings = self.shared.readings.subscribe();
        let _ = timeout(patience, readings.wait_for(|ended| *ended > 0)).await;
    }

    /// Asks for a reading because of an unknown `kid` and waits for it a little; false at once while the cooldown
    /// runs.
    pub(crate) async fn refetched(&self) -> bool {
        let mut readings = self.shared.readings.subscribe();
        if !self.shared.wish_is_open() {
            return false;
        }
        // One that was under way already does not count: it may be older than the key.
        let done = readings.wait_for(|_| !self.shared.wish().open);
        timeout(PATIENCE, done).await.is_ok_and(|done| done.is_ok())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Shared {
    fn is_usable(&self, held: &Held, clock: &dyn Clock) -> bool {
        let age = clock.boot_ms().saturating_sub(held.as_of_ms);
        u128::from(age) <= self.settings.max_age.as_millis()
    }

    /// Whether there is a set that may be used now.
    fn has_usable(&self) -> bool {
        self.held.load().as_deref().is_some_and(|held| self.is_usable(held, &*self.clock))
    }

    fn wish(&self) -> MutexGuard<'_, Wish> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an extra reading is to come: one that was asked for before, or one asked for now because the cooldown
    /// is over.
    fn wish_is_open(&self) -> bool {
        let now = self.clock.boot_ms();
        let mut wish = self.wish();
        let cool = wish
            .asked_ms
            .is_none_or(|asked| u128::from(now.saturating_sub(asked)) >= self.settings.cooldown.as_millis());
        if cool && !wish.open {
            *wish = Wish { asked_ms: Some(now), open: true };
            self.wanted.notify_one();
        }
        wish.open
    }

    fn keep(&self, fetched: Fetched, as_of_ms: u64) -> Known {
        let keys =
            fetched.keys.map(Arc::new).or_else(|| self.held.load_full().map(|held| Arc::clone(&held.keys)));
        if let Some(keys) = keys {
            self.held.store(Some(Arc::new(Held { keys, as_of_ms })));
        }
        self.last_error.store(None);
        self.counters.keys_refreshed();
        fetched.known
    }

    fn failed(&self, error: &FetchError, failures: u32) {
        let why = error.to_string();
        self.counters.key_refresh_failed(&why);
        self.last_error.store(Some(Arc::new(why)));
        if failures.is_power_of_two() {
            tracing::warn!(%error, failures, "the issuer's keys could not be read");
        }
    }

    /// The reading under way ended in a panic; the set that is held serves on, as after any other failure.
    fn panicked(&self) {
        const WHY: &str = "the reading panicked";
        self.last_error.store(Some(Arc::new(WHY.to_owned())));
        self.wish().open = false;
        self.reading_ended();
        // The last: it tells an observer, who may be the one that panics.
        self.counters.key_refresh_failed(WHY);
    }

    fn reading_ended(&self) {
        self.readings.send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    /// Sleeps for `delay` by the timer or by the boot clock, whichever is over first (the timer stands still while
    /// the machine is suspended), or until a reading is wanted, or until the set is too old to serve.
    async fn pause(&self, delay: Duration) {
        let start = self.clock.boot_ms();
        let mut left = delay;
        while !left.is_zero() && u128::from(self.clock.boot_ms().saturating_sub(start)) < delay.as_millis() {
            let nap = left.min(Duration::from_secs(1));
            if timeout(nap, self.wanted.notified()).await.is_ok() {
                return;
            }
            if !self.has_usable() {
                return;
            }
            left = left.saturating_sub(nap);
        }
    }
}

async fn follow(shared: &Shared, reader: &Fetcher) {
    let mut known = Known::default();
    let mut failures = 0_u32;
    let jitter = &shared.settings.jitter;
    let mut retry = schedule::while_a_set_serves(jitter.clone());
    loop {
        let wished = shared.wish().open;
        let delay = if shared.has_usable() {
            let as_of_ms = shared.clock.boot_ms();
            match reader.fetch(std::mem::take(&mut known)).await {
                Ok(fetched) => {
                    let max_age = fetched.max_age;
                    known = shared.keep(fetched, as_of_ms);
                    failures = 0;
                    retry.succeeded();
                    schedule::after_success(max_age, shared.settings.max_age, jitter)
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    shared.failed(&error, failures);
                    retry.pause()
                }
            }
        } else {
            let (fetched, as_of_ms) = first_good(shared, reader).await;
            let max_age = fetched.max_age;
            known = shared.keep(fetched, as_of_ms);
            failures = 0;
            retry.succeeded();
            schedule::after_success(max_age, shared.settings.max_age, jitter)
        };
        if wished {
            shared.wish().open = false;
        }
        shared.reading_ended();
        shared.pause(delay).await;
    }
}

/// Tries until a set is there. A new attempt starts every second at the latest, whether or not earlier ones have
/// ended, so that an issuer that comes back is found within the second.
async fn first_good(shared: &Shared, reader: &Fetcher) -> (Fetched, u64) {
    let attempt = || async {
        let as_of_ms = shared.clock.boot_ms();
        (reader.fetch(Known::default()).await, as_of_ms)
    };
    let mut attempts = FuturesUnordered::new();
    let mut failures = 0_u32;
    let mut retry = schedule::while_there_is_none(shared.settings.jitter.clone());
    loop {
        if attempts.len() < MAX_ATTEMPTS {
            attempts.push(attempt());
        }
        let next = sleep(retry.pause());
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                Some((outcome, as_of_ms)) = attempts.next(), if !attempts.is_empty() => match outcome {
                    Ok(fetched) => return (fetched, as_of_ms),
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        shared.failed(&error, failures);
                        shared.reading_ended();
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::metrics::Observed;

    #[tokio::test]
    async fn every_attempt_without_a_set_draws_its_pause() {
        let (tell, mut pauses) = mpsc::unbounded_channel();
        let jitter = Jitter::by(move || {
            let _ = tell.send(());
            0.1
        });
        let settings =
            FollowSettings { cooldown: Duration::from_secs(1), max_age: Duration::from_secs(60), jitter };
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fetcher = Fetcher::new(format!("http://{nobody}"), None, None).unwrap();
        let counters = Arc::new(Counters::observed(Observed::default()));
        let follower = Follower::start(fetcher, settings, Arc::new(SystemClock), counters);
        for _ in 0..5 {
            assert_eq!(timeout(Duration::from_secs(20), pauses.recv()).await, Ok(Some(())));
        }
        assert!(follower.last_error().is_some());
    }
}

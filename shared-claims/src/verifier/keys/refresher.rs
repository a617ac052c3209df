//! Keeps the key set fresh in the background, so that no token with a known key waits for the network.

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

/// How long a token with an unknown `kid` waits for the extra refresh.
const UNKNOWN_KID_WAIT: Duration = Duration::from_secs(2);

/// The most requests at the same time while there is no key set. A new one is sent although an earlier one hangs.
const MAX_ATTEMPTS: usize = 16;

/// When the key set is refreshed, and how long it may be used.
#[derive(Clone, Debug)]
pub(crate) struct RefreshSettings {
    /// The shortest time between two refreshes for unknown `kid`s.
    pub(crate) cooldown: Duration,
    /// How long the last good set may be used while the issuer is unreachable.
    pub(crate) max_age: Duration,
    /// Random pauses, so that verifiers that lost the same issuer do not come back in the same moment.
    pub(crate) jitter: Jitter,
}

/// Tells how often the revocation list was found to be another one: the issuer's database may have been restored, and then
/// keys that the issuer does not know any more must go.
pub(crate) type ListChanges = Box<dyn Fn() -> u64 + Send + Sync>;

/// Refreshes the key set of an issuer until it is dropped.
pub(crate) struct KeySetRefresher {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    clock: SharedClock,
    counters: Arc<Counters>,
    settings: RefreshSettings,
    current: ArcSwapOption<CurrentKeySet>,
    last_error: ArcSwapOption<String>,
    list_changes: ListChanges,
    /// Notified when an unknown `kid` requests a refresh.
    requested: Notify,
    extra: Mutex<ExtraRefresh>,
    /// The number of refreshes that have ended.
    ended: watch::Sender<u64>,
}

/// The extra refresh for unknown `kid`s.
#[derive(Default)]
struct ExtraRefresh {
    /// When one was last requested (boot clock).
    requested_ms: Option<u64>,
    /// Whether that refresh has not ended yet.
    is_pending: bool,
}

struct CurrentKeySet {
    keys: Arc<KeySet>,
    /// When the request that returned or confirmed this set was sent (boot clock).
    as_of_ms: u64,
}

impl KeySetRefresher {
    pub(crate) fn start(
        fetcher: Fetcher,
        settings: RefreshSettings,
        clock: SharedClock,
        counters: Arc<Counters>,
        list_changes: ListChanges,
    ) -> Self {
        let shared = Arc::new(Shared {
            clock,
            counters,
            settings,
            current: ArcSwapOption::empty(),
            last_error: ArcSwapOption::empty(),
            list_changes,
            requested: Notify::new(),
            extra: Mutex::default(),
            ended: watch::Sender::new(0),
        });
        let task = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                until_done("key set", || shared.panicked(), || refresh_forever(&shared, &fetcher)).await;
            })
        };
        Self { shared, task }
    }

    /// Calls `read` with the current key set; returns `None` if there is none that may be used.
    pub(super) fn with_keys<T>(&self, clock: &dyn Clock, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        let current = self.shared.current.load();
        let current = current.as_deref().filter(|current| self.shared.is_usable(current, clock))?;
        Some(read(&current.keys))
    }

    /// The age of the key set; `None` if there is none.
    pub(crate) fn age_ms(&self) -> Option<u64> {
        let current = self.shared.current.load_full()?;
        Some(self.shared.clock.boot_ms().saturating_sub(current.as_of_ms))
    }

    /// Why the last refresh failed; `None` if it succeeded.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.shared.last_error.load_full().map(|error| error.as_ref().clone())
    }

    /// Waits until the first refresh has ended, successfully or not, but at most for `limit`.
    pub(crate) async fn wait_for_first(&self, limit: Duration) {
        let mut ended = self.shared.ended.subscribe();
        let _ = timeout(limit, ended.wait_for(|ended| *ended > 0)).await;
    }

    /// Requests a refresh because of an unknown `kid` and waits a little for its end. Returns false at once during the
    /// cooldown.
    pub(crate) async fn refresh_for_unknown_kid(&self) -> bool {
        let mut ended = self.shared.ended.subscribe();
        if !self.shared.request_extra_refresh() {
            return false;
        }
        // A refresh that was in progress already does not count: its key set may be older than the key.
        let done = ended.wait_for(|_| !self.shared.extra().is_pending);
        timeout(UNKNOWN_KID_WAIT, done).await.is_ok_and(|done| done.is_ok())
    }
}

impl Drop for KeySetRefresher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for KeySetRefresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySetRefresher").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Shared {
    fn is_usable(&self, current: &CurrentKeySet, clock: &dyn Clock) -> bool {
        let age = clock.boot_ms().saturating_sub(current.as_of_ms);
        u128::from(age) <= self.settings.max_age.as_millis()
    }

    /// Whether there is a set that may be used now.
    fn has_usable(&self) -> bool {
        self.current.load().as_deref().is_some_and(|current| self.is_usable(current, &*self.clock))
    }

    fn extra(&self) -> MutexGuard<'_, ExtraRefresh> {
        self.extra.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests an extra refresh, unless one is pending already or the cooldown is not over. Returns whether one is pending.
    fn request_extra_refresh(&self) -> bool {
        let now = self.clock.boot_ms();
        let mut extra = self.extra();
        let is_cooldown_over = extra.requested_ms.is_none_or(|before| {
            u128::from(now.saturating_sub(before)) >= self.settings.cooldown.as_millis()
        });
        if is_cooldown_over && !extra.is_pending {
            *extra = ExtraRefresh { requested_ms: Some(now), is_pending: true };
            self.requested.notify_one();
        }
        extra.is_pending
    }

    /// Uses the key set of a successful request from now on.
    fn store(&self, fetched: Fetched, as_of_ms: u64) -> Known {
        let unchanged = || self.current.load_full().map(|current| Arc::clone(&current.keys));
        if let Some(keys) = fetched.keys.map(Arc::new).or_else(unchanged) {
            self.current.store(Some(Arc::new(CurrentKeySet { keys, as_of_ms })));
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

    /// The task panicked during a refresh. The current key set stays in use, as after any other failure.
    fn panicked(&self) {
        const WHY: &str = "the task that refreshes the key set panicked";
        self.last_error.store(Some(Arc::new(WHY.to_owned())));
        self.extra().is_pending = false;
        self.refresh_ended();
        // Called last, because it calls the observer, which may be what panicked.
        self.counters.key_refresh_failed(WHY);
    }

    fn refresh_ended(&self) {
        self.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    /// Sleeps for `delay` by the timer or by the boot clock, whichever ends first (the timer stands still while the machine is
    /// suspended). Returns earlier if a refresh is requested, if the key set is too old to be used, or if the revocation list
    /// became another one since `changes` was read, before the last refresh.
    async fn pause(&self, delay: Duration, changes: u64) {
        let start = self.clock.boot_ms();
        let mut left = delay;
        while !left.is_zero() && u128::from(self.clock.boot_ms().saturating_sub(start)) < delay.as_millis() {
            if (self.list_changes)() != changes {
                return;
            }
            let step = left.min(Duration::from_secs(1));
            if timeout(step, self.requested.notified()).await.is_ok() {
                return;
            }
            if !self.has_usable() {
                return;
            }
            left = left.saturating_sub(step);
        }
    }
}

async fn refresh_forever(shared: &Shared, client: &Fetcher) {
    let mut known = Known::default();
    let mut failures = 0_u32;
    let (mut seen_changes, mut read_with_changes) = (0, 0);
    let jitter = &shared.settings.jitter;
    let mut retry = schedule::retry_with_a_set(jitter.clone());
    loop {
        let is_extra = shared.extra().is_pending;
        let changes = (shared.list_changes)();
        if std::mem::replace(&mut seen_changes, changes) != changes {
            // What failed before was another reading: this one is urgent.
            retry.succeeded();
        }
        let fetched = if shared.has_usable() {
            let as_of_ms = shared.clock.boot_ms();
            client.fetch(std::mem::take(&mut known)).await.map(|fetched| (fetched, as_of_ms))
        } else {
            Ok(fetch_first(shared, client).await)
        };
        let delay = match fetched {
            Ok((fetched, as_of_ms)) => {
                let delay = schedule::after_success(fetched.max_age, shared.settings.max_age, jitter);
                known = shared.store(fetched, as_of_ms);
                failures = 0;
                retry.succeeded();
                // After another list the set is read twice: a replica of the issuer that did not know yet that its database
                // was restored may have sent the former set.
                let is_first = std::mem::replace(&mut read_with_changes, changes) != changes;
                if is_first { delay.min(schedule::AFTER_ANOTHER_LIST) } else { delay }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                shared.failed(&error, failures);
                retry.pause()
            }
        };
        if is_extra {
            shared.extra().is_pending = false;
        }
        shared.refresh_ended();
        shared.pause(delay, changes).await;
    }
}

/// Requests the key set until there is one. A new request is sent every second at the latest, whether or not earlier ones
/// have ended, so that an issuer that comes back is found within a second.
async fn fetch_first(shared: &Shared, client: &Fetcher) -> (Fetched, u64) {
    let attempt = || async {
        let as_of_ms = shared.clock.boot_ms();
        (client.fetch(Known::default()).await, as_of_ms)
    };
    let mut attempts = FuturesUnordered::new();
    let mut failures = 0_u32;
    let mut retry = schedule::retry_without_a_set(shared.settings.jitter.clone());
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
                        shared.refresh_ended();
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
    use crate::metrics::OptionalObserver;

    #[tokio::test]
    async fn every_attempt_without_a_set_draws_its_pause() {
        let (tell, mut pauses) = mpsc::unbounded_channel();
        let jitter = Jitter::by(move || {
            let _ = tell.send(());
            0.1
        });
        let settings =
            RefreshSettings { cooldown: Duration::from_secs(1), max_age: Duration::from_secs(60), jitter };
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fetcher = Fetcher::new(format!("http://{nobody}"), None, None).unwrap();
        let counters = Arc::new(Counters::new(OptionalObserver::default()));
        let refresher =
            KeySetRefresher::start(fetcher, settings, Arc::new(SystemClock), counters, Box::new(|| 0));
        for _ in 0..5 {
            assert_eq!(timeout(Duration::from_secs(20), pauses.recv()).await, Ok(Some(())));
        }
        assert!(refresher.last_error().is_some());
    }
}

//! The mirror: all live facts in memory, and the moment as of which the mirror is complete.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::contract::DEFAULT_BOUND_S;
use super::set::FactSet;
use super::{InvalidRevocationFact, RevocationFact, RevocationQuery, RevocationStatus, Verdict};
use crate::clock::{SharedClock, SystemClock};
#[cfg(any(feature = "feed", feature = "redis"))]
use crate::jitter::{Jitter, Retry};

/// The value of `as_of` before the first complete list.
const NEVER: i64 = i64::MIN;

/// How a mirror measures its age, and how old it may be.
///
/// ```
/// use std::time::Duration;
/// use shared_claims::clock::ManualClock;
/// use shared_claims::revocation::MirrorSettings;
///
/// let settings = MirrorSettings::default().max_staleness(Duration::from_secs(10));
/// assert_eq!(settings.max_staleness, Duration::from_secs(10));
/// // In a test.
/// let settings = settings.clock(ManualClock::at(1_700_000_000_000));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct MirrorSettings {
    /// The staleness bound: a list that was complete longer ago than this decides nothing. 30 s by default.
    pub max_staleness: Duration,
    /// The clocks.
    pub clock: SharedClock,
    /// Random pauses, so that verifiers that lost the same source do not come back in the same moment.
    #[cfg(any(feature = "feed", feature = "redis"))]
    pub(crate) jitter: Jitter,
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self {
            max_staleness: Duration::from_secs(DEFAULT_BOUND_S),
            clock: Arc::new(SystemClock),
            #[cfg(any(feature = "feed", feature = "redis"))]
            jitter: Jitter::system(),
        }
    }
}

impl MirrorSettings {
    /// Sets the staleness bound.
    #[must_use]
    pub fn max_staleness(mut self, bound: Duration) -> Self {
        self.max_staleness = bound;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }
}

impl fmt::Debug for MirrorSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MirrorSettings").field("max_staleness", &self.max_staleness).finish_non_exhaustive()
    }
}

/// A local copy of the revocation list that follows its source. Cheap to clone. Its background tasks stop when the last
/// clone is dropped.
///
/// ```
/// use shared_claims::claims::TokenId;
/// use shared_claims::clock::{Clock, SystemClock};
/// use shared_claims::revocation::{RevocationFact, RevocationKind, RevocationQuery, Mirror, MirrorSettings, Verdict};
///
/// // A service that keeps the revocation list itself writes the mirror by hand.
/// let (mirror, writer) = Mirror::by_hand(MirrorSettings::default());
/// let before = SystemClock.boot_ms();
/// writer.add(&RevocationFact { kind: RevocationKind::Client, id: "app".to_owned(), at: Some(1_700_000_000_000), exp: i64::MAX })?;
/// writer.complete_as_of(before);
///
/// let check = |ms| {
///     let jti = TokenId::new(ms, [0; 10]);
///     let exp = SystemClock.now_seconds() + 900;
///     mirror.check(&RevocationQuery { jti, sid: None, sub: "ada", client_id: "app", kid: "k", exp })
/// };
/// assert_eq!(check(1_700_000_000_000), Verdict::Revoked(RevocationKind::Client));
/// assert_eq!(check(1_700_000_000_001), Verdict::NotRevoked, "issued after the cut");
/// assert_eq!(mirror.status().entries, 1);
/// # Ok::<(), shared_claims::revocation::InvalidRevocationFact>(())
/// ```
#[derive(Clone)]
pub struct Mirror {
    state: Arc<MirrorState>,
    _tasks: Arc<Tasks>,
}

impl Mirror {
    /// A mirror that the caller writes, for a service that keeps the revocation list itself (and for tests).
    pub fn by_hand(settings: MirrorSettings) -> (Self, MirrorWriter) {
        let state = Arc::new(MirrorState::new("hand", settings));
        let writer = MirrorWriter { state: Arc::clone(&state) };
        (Self::new(state, Tasks::default()), writer)
    }

    pub(super) fn new(state: Arc<MirrorState>, tasks: Tasks) -> Self {
        Self { state, _tasks: Arc::new(tasks) }
    }

    /// Checks a token against the mirror's current state. Never blocks.
    pub fn check(&self, query: &RevocationQuery<'_>) -> Verdict {
        self.state.check(query)
    }

    /// The state of the list.
    pub fn status(&self) -> RevocationStatus {
        self.state.status()
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mirror").field(&self.status()).finish()
    }
}

/// The writing end of a [`Mirror::by_hand`].
///
/// ```
/// use shared_claims::clock::{Clock, SystemClock};
/// use shared_claims::revocation::{RevocationFact, InvalidRevocationFact, MirrorWriter};
///
/// /// Called every second with all revocations in the service's own database.
/// fn copy(writer: &MirrorWriter, read: impl FnOnce() -> Vec<RevocationFact>) -> Result<(), InvalidRevocationFact> {
///     let before = SystemClock.boot_ms();
///     read().iter().try_for_each(|fact| writer.add(fact))?;
///     writer.complete_as_of(before);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct MirrorWriter {
    state: Arc<MirrorState>,
}

impl MirrorWriter {
    /// Adds a fact; it counts at once.
    pub fn add(&self, fact: &RevocationFact) -> Result<(), InvalidRevocationFact> {
        self.state.add(fact)
    }

    /// Declares that every fact that was committed before `boot_ms` was added. Read this time from the settings' boot clock
    /// before you read the facts.
    pub fn complete_as_of(&self, boot_ms: u64) {
        self.state.sweep();
        self.state.complete_as_of(i64::try_from(boot_ms).unwrap_or(NEVER));
    }
}

impl fmt::Debug for MirrorWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MirrorWriter").finish_non_exhaustive()
    }
}

/// Background tasks that are stopped when this is dropped.
#[derive(Default)]
pub(super) struct Tasks(pub(super) Vec<tokio::task::AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// The state that a mirror's readers and the task that follows its source share.
pub(super) struct MirrorState {
    pub(super) facts: FactSet,
    /// Boot time (ms) before which every committed fact is among `facts`. It only grows: facts are not lost, so the list
    /// stays complete as of this moment, whatever happens to the source.
    as_of: AtomicI64,
    pub(super) settings: MirrorSettings,
    source: &'static str,
    connected: AtomicBool,
    epoch_known: AtomicBool,
    lists: AtomicU64,
    resyncs: AtomicU64,
    malformed: AtomicU64,
    errors: AtomicU64,
    restarts: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl MirrorState {
    pub(super) fn new(source: &'static str, settings: MirrorSettings) -> Self {
        Self {
            facts: FactSet::new(Arc::clone(&settings.clock)),
            as_of: AtomicI64::new(NEVER),
            settings,
            source,
            connected: AtomicBool::new(false),
            epoch_known: AtomicBool::new(false),
            lists: AtomicU64::new(0),
            resyncs: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }
    }

    /// The order of the three reads matters. `as_of` is read before the facts: read after them, it could cover facts that
    /// were added in between. The clock is read last, because the process may have been paused at any point before.
    pub(super) fn check(&self, query: &RevocationQuery<'_>) -> Verdict {
        let as_of = self.as_of.load(Ordering::Acquire);
        if let Some(kind) = self.facts.check(query) {
            return Verdict::Revoked(kind);
        }
        if as_of == NEVER || self.facts.may_have_forgotten(query) {
            return Verdict::Unknown;
        }
        if self.age_ms(as_of) <= self.bound_ms() { Verdict::NotRevoked } else { Verdict::Unknown }
    }

    pub(super) fn status(&self) -> RevocationStatus {
        let as_of = self.as_of.load(Ordering::Acquire);
        let age_ms = (as_of != NEVER).then(|| self.age_ms(as_of));
        RevocationStatus {
            source: self.source,
            connected: self.connected.load(Ordering::Relaxed),
            current: age_ms.is_some_and(|age| age <= self.bound_ms()),
            age_ms,
            epoch_known: self.epoch_known.load(Ordering::Relaxed),
            entries: self.facts.len(),
            lists: self.lists.load(Ordering::Relaxed),
            resyncs: self.resyncs.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(super) fn add(&self, fact: &RevocationFact) -> Result<(), InvalidRevocationFact> {
        self.facts.add(fact)
    }

    /// Must be called only after every fact that was committed before this moment was added.
    pub(super) fn complete_as_of(&self, boot_ms: i64) {
        self.as_of.fetch_max(boot_ms, Ordering::AcqRel);
    }

    pub(super) fn sweep(&self) {
        self.facts.sweep();
    }

    pub(super) fn boot_ms(&self) -> i64 {
        i64::try_from(self.settings.clock.boot_ms()).unwrap_or(i64::MAX)
    }

    pub(super) fn bound_ms(&self) -> u64 {
        u64::try_from(self.settings.max_staleness.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn age_ms(&self, as_of: i64) -> u64 {
        u64::try_from(self.boot_ms().saturating_sub(as_of)).unwrap_or(0)
    }
}

/// The methods for sources that follow a list of another process.
#[cfg(any(feature = "feed", feature = "redis"))]
impl MirrorState {
    /// Boot time (ms) before which every committed fact is in the mirror; `None` before the first complete list.
    #[cfg(feature = "redis")]
    pub(super) fn as_of_ms(&self) -> Option<i64> {
        Some(self.as_of.load(Ordering::Acquire)).filter(|as_of| *as_of != NEVER)
    }

    /// The pauses after failed attempts. The first one is at most half a second, so that a new fact arrives within a second
    /// even if one connection to a working source broke; with a small bound it is at most a quarter of the bound. Later
    /// pauses are at most three times as long, so that the list is complete again within 3 s of the source's return.
    pub(super) fn retry(&self) -> Retry {
        let first = Duration::from_millis((self.bound_ms() / 4).clamp(100, 500));
        Retry::new(self.settings.jitter.clone(), first, first * 3)
    }

    /// The source answered.
    pub(super) fn connected(&self, epoch_known: bool) {
        self.connected.store(true, Ordering::Relaxed);
        self.epoch_known.store(epoch_known, Ordering::Relaxed);
    }

    /// Counts that a list is read whose epoch was not the one that was read before. The first list counts, too.
    pub(super) fn count_list(&self) {
        self.lists.fetch_add(1, Ordering::Release);
    }

    /// Counts that the list is read again from its beginning.
    pub(super) fn count_resync(&self) {
        self.resyncs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a malformed entry.
    pub(super) fn count_malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    /// The list was read and is complete.
    pub(super) fn succeeded(&self) {
        let before = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        if before.is_some() {
            tracing::info!(
                source = self.source,
                entries = self.facts.len(),
                "revocation list complete again"
            );
        }
    }

    /// The list could not be read, or was not whole. Logged once for each reason, not for each attempt.
    pub(super) fn failed(&self, why: &str) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() != Some(why) {
            tracing::warn!(source = self.source, why, "revocation list not available");
            *last = Some(why.to_owned());
        }
    }

    /// The task that follows the source panicked and is started again.
    pub(super) fn panicked(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.disconnected();
        self.failed("the task that follows the list panicked");
    }

    pub(super) fn disconnected(&self) {
        self.connected.store(false, Ordering::Relaxed);
    }
}

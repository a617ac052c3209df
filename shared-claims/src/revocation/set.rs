//! The set of facts that a verifier knows.
//!
//! A fact leaves this set only when it expires, whatever a source says later: what was refused stays refused. Expiry is
//! measured on the slowest recent wall clock ([`SlowestClock`]), so that a wall clock that jumps ahead and back removes no
//! fact too early. If a clock was wrong for longer than that, facts may have been removed too early. The set knows up
//! to which expiry this is possible, and reports it ([`FactSet::may_have_forgotten`]) instead of calling such a token
//! live.
//!
//! A client with write access to the list could otherwise refuse valid tokens for ever, by one fact that ends in a
//! hundred years. A fact that claims more than any fact of the issuer is therefore kept in a separate set and for a
//! limited time ([`RevocationKind::counts_for_s`]): a fact that ends later than that, or whose cut lies in the future.

mod facts;
mod sharded;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use self::facts::Facts;
use super::contract::fact_expiry_s;
use super::{RevocationFact, RevocationKind, RevocationQuery};
use crate::clock::SharedClock;

/// For how long after its end a fact is still kept, seconds. Allows for clocks that are corrected by small steps.
const KEPT_PAST_END_S: i64 = 60;

/// A cut that lies further ahead of the verifier's clock than this is kept in the separate set, milliseconds. The
/// issuer's cuts lie at most a minute ahead of its own clock.
const MAX_CUT_AHEAD_MS: i64 = 300_000;

/// Facts in the separate set end this much earlier, seconds, so that they count for no longer than their limit: a sweep
/// removes a fact only when its whole bucket has ended, and some seconds may pass between two sweeps.
const SWEPT_LATE_BY_S: i64 = 180;

/// Longer identifiers are never valid.
const MAX_ID_BYTES: usize = 512;

/// The error for a fact that cannot be compared with any token: its id is not valid, or its cut is missing.
///
/// ```
/// use shared_claims::revocation::{RevocationFact, RevocationKind, InvalidRevocationFact, Mirror, MirrorSettings};
///
/// let (_, writer) = Mirror::by_hand(MirrorSettings::default());
/// let without_cut = RevocationFact { kind: RevocationKind::Sub, id: "ada".to_owned(), at: None, exp: 1_700_000_960 };
/// assert_eq!(writer.add(&without_cut), Err(InvalidRevocationFact));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed fact")]
pub struct InvalidRevocationFact;

/// A set of facts that many threads read while a source adds to it.
pub(crate) struct FactSet {
    /// Facts as the issuer makes them. They expire by the wall clock.
    ordinary: Facts,
    /// Facts that claim more than the issuer's facts. They expire by the boot clock, which cannot be set: if the
    /// verifier's wall clock is behind, every fact looks like one of these, and it must not expire early when that
    /// clock is corrected. Adding another fact never extends an earlier one.
    excessive: Facts,
    has_excessive: AtomicBool,
    slowest_clock: Mutex<SlowestClock>,
    forgotten_before_s: AtomicI64,
    clock: SharedClock,
}

impl FactSet {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            ordinary: Facts::many(),
            excessive: Facts::few(),
            has_excessive: AtomicBool::new(false),
            slowest_clock: Mutex::new(SlowestClock::default()),
            forgotten_before_s: AtomicI64::new(i64::MIN),
            clock,
        }
    }

    /// Adds a fact. If there are several facts about the same id, the highest cut and the latest end count.
    pub(crate) fn add(&self, fact: &RevocationFact) -> Result<(), InvalidRevocationFact> {
        if fact.id.is_empty() || fact.id.len() > MAX_ID_BYTES {
            return Err(InvalidRevocationFact);
        }
        if self.is_excessive(fact) {
            let boot_s = i64::try_from(self.clock.boot_ms() / 1_000).unwrap_or(i64::MAX);
            let end_s = boot_s.saturating_add(fact.kind.counts_for_s() - SWEPT_LATE_BY_S);
            self.excessive.add_unless_held(fact, seconds(end_s))?;
            self.has_excessive.store(true, Ordering::Release);
            return Ok(());
        }
        self.ordinary.add(fact, seconds(fact.exp))
    }

    /// Whether the fact claims more than any fact of an issuer whose clock agrees with the verifier's.
    fn is_excessive(&self, fact: &RevocationFact) -> bool {
        let now_ms = self.clock.now_ms();
        let last_end_s = now_ms.div_euclid(1_000).saturating_add(fact.kind.counts_for_s() - SWEPT_LATE_BY_S);
        let is_ahead = |at: i64| at > now_ms.saturating_add(MAX_CUT_AHEAD_MS);
        fact.exp > last_end_s || (fact.kind.has_cut() && fact.at.is_some_and(is_ahead))
    }

    /// The kind of a fact that revokes the token; `None` if no fact does.
    pub(crate) fn check(&self, query: &RevocationQuery<'_>) -> Option<RevocationKind> {
        let found = self.ordinary.check(query);
        if found.is_none() && self.has_excessive.load(Ordering::Acquire) {
            return self.excessive.check(query);
        }
        found
    }

    /// Whether a fact about the token may have expired already. This is never so for an unexpired token while the
    /// clocks run normally. It is possible after a clock that was far ahead was corrected.
    pub(crate) fn may_have_forgotten(&self, query: &RevocationQuery<'_>) -> bool {
        fact_expiry_s(query.exp) < self.forgotten_before_s.load(Ordering::Acquire)
    }

    /// Removes expired facts. To be called every second or so.
    pub(crate) fn sweep(&self) {
        let slowest_ms = {
            let mut slowest_clock = self.slowest_clock.lock().unwrap_or_else(PoisonError::into_inner);
            slowest_clock.observe(self.clock.now_ms(), self.clock.boot_ms())
        };
        let now_s = seconds(slowest_ms.div_euclid(1000) - KEPT_PAST_END_S);
        // Set before any fact is removed: a reader that finds a fact gone (under the shard's lock) also sees the new
        // value.
        self.ordinary.sweep(now_s, |before_s| {
            self.forgotten_before_s.fetch_max(i64::from(before_s), Ordering::AcqRel);
        });
        // No token that one of these facts concerns is still valid, so nothing has to be recorded.
        self.excessive.sweep(u32::try_from(self.clock.boot_ms() / 1_000).unwrap_or(u32::MAX), |_| {});
    }

    /// How many facts are held.
    pub(crate) fn len(&self) -> usize {
        self.ordinary.len() + self.excessive.len()
    }
}

/// For how long a reading of the wall clock counts, milliseconds. A wrong reading (1970 before the first NTP answer)
/// has no effect any more after at most twice this time.
const WINDOW_MS: u64 = 12 * 3600 * 1000;

/// The slowest recent wall clock: the boot time plus the smallest difference between wall clock and boot clock that was
/// seen in the last 12 to 24 hours. A wall clock that jumps ahead moves it only after that time; one that is set back
/// moves it at once.
#[derive(Debug, Default)]
struct SlowestClock {
    window: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began_boot_ms: u64,
    least: i64,
    least_before: i64,
}

impl SlowestClock {
    /// Takes a reading of both clocks. Returns the earliest time that it may be, milliseconds since the Unix epoch.
    fn observe(&mut self, wall_ms: i64, boot_ms: u64) -> i64 {
        let boot = i64::try_from(boot_ms).unwrap_or(i64::MAX);
        let distance = wall_ms.saturating_sub(boot);
        let fresh = Window { began_boot_ms: boot_ms, least: distance, least_before: distance };
        let window = match self.window {
            None => fresh,
            Some(w) if boot_ms.saturating_sub(w.began_boot_ms) >= 2 * WINDOW_MS => fresh,
            Some(w) if boot_ms.saturating_sub(w.began_boot_ms) >= WINDOW_MS => {
                Window { least_before: w.least, ..fresh }
            }
            Some(w) => Window { least: w.least.min(distance), ..w },
        };
        self.window = Some(window);
        window.least.min(window.least_before).saturating_add(boot)
    }
}

fn seconds(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

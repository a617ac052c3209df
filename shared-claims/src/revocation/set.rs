//! The facts a verifier knows.
//!
//! A fact leaves this set by expiry and in no other way: whatever a source says later, or says no more, what was
//! refused stays refused. Expiry is counted on the hindmost clock of late ([`Horizon`]), so that a wall clock that leaps
//! ahead and back forgets nothing; and should a clock have been wrong for longer, the set knows up to which end it
//! may have forgotten facts and says so ([`FactSet::may_have_forgotten`]) instead of passing a token off as live.
//!
//! Whoever can write the list could otherwise refuse good tokens for good, by one fact that ends in a hundred years. So a
//! fact that claims more than any fact of the issuer's does is kept apart and for a limited time
//! ([`Kind::counts_for_s`]): one that ends later than that, and a cut that lies in the future.

mod facts;
mod filter;
mod horizon;
mod sharded;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use self::facts::Facts;
use self::horizon::Horizon;
use super::{Fact, Kind, Marks};
use crate::clock::SharedClock;

/// How much longer than the last token it concerns a fact lives, seconds. The leeway on `exp` (at most 30 s) and the
/// difference between the clocks of issuer and verifier have to fit in here.
pub(crate) const FACT_OUTLIVES_TOKEN_S: i64 = 60;

/// How long past its end a fact is kept still, seconds: room for clocks that are set by small steps.
const KEPT_PAST_END_S: i64 = 60;

/// How far ahead of our clock a cut may lie before it is kept apart, milliseconds. The issuer's cuts lie at most a minute
/// ahead of its own clock.
const MAX_CUT_AHEAD_MS: i64 = 300_000;

/// A sweep drops what has ended when its bucket has, and some seconds may pass between two sweeps. What is kept apart ends
/// this much earlier, so that it counts no longer than it may.
const SWEPT_LATE_BY_S: i64 = 180;

/// Identifiers longer than this are nobody's.
const MAX_ID_BYTES: usize = 512;

/// A fact that cannot be held against any token: an id that is none, or a cut that is missing.
///
/// ```
/// use shared_claims::revocation::{Fact, Kind, MalformedFact, Mirror, MirrorSettings};
///
/// let (_, writer) = Mirror::by_hand(MirrorSettings::default());
/// let without_cut = Fact { kind: Kind::Sub, id: "ada".to_owned(), at: None, exp: 1_700_000_960 };
/// assert_eq!(writer.add(&without_cut), Err(MalformedFact));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed fact")]
pub struct MalformedFact;

/// A set of facts that many threads read while a source adds to it.
pub(crate) struct FactSet {
    /// Facts as the issuer makes them. They end by the wall clock.
    ordinary: Facts,
    /// Facts that claim more. They end by the boot clock, which nobody sets: should our wall clock be behind, every fact
    /// looks like one of these, and must not end the sooner when that clock is set right. No fact that is added later
    /// makes an earlier one of these count for longer.
    excessive: Facts,
    has_excessive: AtomicBool,
    horizon: Mutex<Horizon>,
    forgotten_before_s: AtomicI64,
    clock: SharedClock,
}

impl FactSet {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            ordinary: Facts::many(),
            excessive: Facts::few(),
            has_excessive: AtomicBool::new(false),
            horizon: Mutex::new(Horizon::default()),
            forgotten_before_s: AtomicI64::new(i64::MIN),
            clock,
        }
    }

    /// Adds a fact; of several about the same thing the highest cut and the latest end count.
    pub(crate) fn add(&self, fact: &Fact) -> Result<(), MalformedFact> {
        if fact.id.is_empty() || fact.id.len() > MAX_ID_BYTES {
            return Err(MalformedFact);
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

    /// Whether the fact claims more than any fact of an issuer whose clock agrees with ours.
    fn is_excessive(&self, fact: &Fact) -> bool {
        let now_ms = self.clock.now_ms();
        let last_end_s = now_ms.div_euclid(1_000).saturating_add(fact.kind.counts_for_s() - SWEPT_LATE_BY_S);
        let is_ahead = |at: i64| at > now_ms.saturating_add(MAX_CUT_AHEAD_MS);
        fact.exp > last_end_s || (fact.kind.has_cut() && fact.at.is_some_and(is_ahead))
    }

    /// The kind of a fact that concerns the token.
    pub(crate) fn check(&self, marks: &Marks<'_>) -> Option<Kind> {
        let found = self.ordinary.check(marks);
        if found.is_none() && self.has_excessive.load(Ordering::Acquire) {
            return self.excessive.check(marks);
        }
        found
    }

    /// Whether a fact about the token may have been here and expired. While clocks go forward no such token passes
    /// for unexpired; after one that was far ahead was set right, it could.
    pub(crate) fn may_have_forgotten(&self, marks: &Marks<'_>) -> bool {
        marks.exp.saturating_add(FACT_OUTLIVES_TOKEN_S) < self.forgotten_before_s.load(Ordering::Acquire)
    }

    /// Drops what has ended. To be called every second or so.
    pub(crate) fn sweep(&self) {
        let hindmost_ms = {
            let mut horizon = self.horizon.lock().unwrap_or_else(PoisonError::into_inner);
            horizon.observe(self.clock.now_ms(), self.clock.boot_ms())
        };
        let now_s = seconds(hindmost_ms.div_euclid(1000) - KEPT_PAST_END_S);
        // Told before anything goes: who finds a fact gone (under the shard's lock) finds this changed.
        self.ordinary.sweep(now_s, |before_s| {
            self.forgotten_before_s.fetch_max(i64::from(before_s), Ordering::AcqRel);
        });
        // No token that one of these concerns is alive, so nobody has to be told.
        self.excessive.sweep(u32::try_from(self.clock.boot_ms() / 1_000).unwrap_or(u32::MAX), |_| {});
    }

    /// How many facts are held.
    pub(crate) fn len(&self) -> usize {
        self.ordinary.len() + self.excessive.len()
    }
}

fn seconds(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

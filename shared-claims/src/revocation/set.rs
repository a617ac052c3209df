//! The facts a verifier knows.
//!
//! A fact leaves this set by expiry and in no other way: whatever a source says later, or says no more, what was
//! refused stays refused. Expiry is counted on the hindmost clock of late ([`Horizon`]), so that a wall clock that leaps
//! ahead and back forgets nothing; and should a clock have been wrong for longer, the set knows up to which end it
//! may have forgotten facts and says so ([`FactSet::may_have_forgotten`]) instead of passing a token off as live.

mod filter;
mod horizon;
mod sharded;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use self::horizon::Horizon;
use self::sharded::Sharded;
use super::{Fact, Kind, Marks};
use crate::claims::TokenId;
use crate::clock::SharedClock;

/// How much longer than the last token it concerns a fact lives, seconds. The leeway on `exp` (at most 30 s) and the
/// difference between the clocks of issuer and verifier have to fit in here.
pub(crate) const FACT_OUTLIVES_TOKEN_S: i64 = 60;

/// How long past its end a fact is kept still, seconds: room for clocks that are set by small steps.
const KEPT_PAST_END_S: i64 = 60;

/// Chosen so that a million ids fill their tables well; more shards cost next to nothing, fewer hold locks longer.
const SHARDS: usize = 320;

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

/// A cut in 48 bits, which is all that the time of a UUIDv7 has; big-endian, so that bytes order like numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cut([u8; 6]);

impl Cut {
    const LATEST_MS: i64 = (1 << 48) - 1;

    fn at(ms: i64) -> Self {
        let [_, _, bytes @ ..] = ms.clamp(0, Self::LATEST_MS).to_be_bytes();
        Self(bytes)
    }

    fn covers(self, jti: TokenId) -> bool {
        Self::at(jti.time_ms()) <= self
    }
}

/// A set of facts that many threads read while a source adds to it.
pub(crate) struct FactSet {
    jti: Sharded<[u8; 16], ()>,
    sid: Sharded<[u8; 16], ()>,
    sub: Sharded<[u8; 16], Cut>,
    named_sub: Sharded<Box<str>, Cut>,
    client: Sharded<Box<str>, Cut>,
    key: Sharded<Box<str>, ()>,
    horizon: Mutex<Horizon>,
    forgotten_before_s: AtomicI64,
    clock: SharedClock,
}

impl FactSet {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            jti: Sharded::new(SHARDS),
            sid: Sharded::new(SHARDS),
            sub: Sharded::new(SHARDS),
            named_sub: Sharded::new(16),
            client: Sharded::new(16),
            key: Sharded::new(16),
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
        let end = u32::try_from(fact.exp.max(0)).unwrap_or(u32::MAX);
        let cut = || fact.at.map(Cut::at).ok_or(MalformedFact);
        match fact.kind {
            Kind::Jti => self.jti.add(uuid(&fact.id)?, (), end),
            Kind::Sid => self.sid.add(uuid(&fact.id)?, (), end),
            Kind::Sub => match canonical_uuid(&fact.id) {
                Some(id) => self.sub.add(id, cut()?, end),
                None => self.named_sub.add(fact.id.as_str().into(), cut()?, end),
            },
            Kind::Client => self.client.add(fact.id.as_str().into(), cut()?, end),
            Kind::Key => self.key.add(fact.id.as_str().into(), (), end),
        }
        Ok(())
    }

    /// The kind of a fact that concerns the token.
    pub(crate) fn check(&self, marks: &Marks<'_>) -> Option<Kind> {
        let covers = |cut: Option<Cut>| cut.is_some_and(|cut| cut.covers(marks.jti));
        if self.jti.get(marks.jti.as_bytes()).is_some() {
            return Some(Kind::Jti);
        }
        if marks.sid.is_some_and(|sid| self.sid.get(sid.as_bytes()).is_some()) {
            return Some(Kind::Sid);
        }
        let sub = match canonical_uuid(marks.sub) {
            Some(id) => self.sub.get(&id),
            None => self.named_sub.get(marks.sub),
        };
        if covers(sub) {
            return Some(Kind::Sub);
        }
        if covers(self.client.get(marks.client_id)) {
            return Some(Kind::Client);
        }
        self.key.get(marks.kid).map(|()| Kind::Key)
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
        let now_s =
            u32::try_from((hindmost_ms.div_euclid(1000) - KEPT_PAST_END_S).max(0)).unwrap_or(u32::MAX);
        // Told before anything goes: who finds a fact gone (under the shard's lock) finds this changed.
        let forgetting = |before: u32| {
            self.forgotten_before_s.fetch_max(i64::from(before), Ordering::AcqRel);
        };
        self.jti.sweep(now_s, forgetting);
        self.sid.sweep(now_s, forgetting);
        self.sub.sweep(now_s, forgetting);
        self.named_sub.sweep(now_s, forgetting);
        self.client.sweep(now_s, forgetting);
        self.key.sweep(now_s, forgetting);
    }

    /// How many facts are held.
    pub(crate) fn len(&self) -> usize {
        let uuids = self.jti.len() + self.sid.len() + self.sub.len();
        uuids + self.named_sub.len() + self.client.len() + self.key.len()
    }
}

fn uuid(id: &str) -> Result<[u8; 16], MalformedFact> {
    Uuid::try_parse(id).map(Uuid::into_bytes).map_err(|_| MalformedFact)
}

/// The bytes of a UUID in its one canonical form. Other forms are other subjects.
fn canonical_uuid(id: &str) -> Option<[u8; 16]> {
    let canonical = id.len() == 36 && !id.bytes().any(|b| b.is_ascii_uppercase());
    canonical.then(|| uuid(id).ok()).flatten()
}

#[cfg(test)]
mod tests;

//! Facts by their kind, each with its end.

use uuid::Uuid;

use super::MalformedFact;
use super::sharded::Sharded;
use crate::claims::TokenId;
use crate::revocation::{Fact, Kind, Marks};

/// Chosen so that a million ids fill their tables well; more shards cost next to nothing, fewer hold locks longer.
const SHARDS: usize = 320;

/// Where few facts are expected.
const FEW_SHARDS: usize = 16;

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

/// Facts that end by one clock.
pub(super) struct Facts {
    jti: Sharded<[u8; 16], ()>,
    sid: Sharded<[u8; 16], ()>,
    sub: Sharded<[u8; 16], Cut>,
    named_sub: Sharded<Box<str>, Cut>,
    client: Sharded<Box<str>, Cut>,
    key: Sharded<Box<str>, ()>,
}

/// What becomes of a fact about something that another fact is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// The highest cut and the latest end count.
    Raise,
    /// It counts only where it covers tokens that the other does not.
    Keep,
}

impl Facts {
    /// Room for a million.
    pub(super) fn many() -> Self {
        Self::with_shards(SHARDS)
    }

    /// Room for some.
    pub(super) fn few() -> Self {
        Self::with_shards(FEW_SHARDS)
    }

    fn with_shards(shards: usize) -> Self {
        Self {
            jti: Sharded::new(shards),
            sid: Sharded::new(shards),
            sub: Sharded::new(shards),
            named_sub: Sharded::new(FEW_SHARDS),
            client: Sharded::new(FEW_SHARDS),
            key: Sharded::new(FEW_SHARDS),
        }
    }

    /// Adds a fact that ends at `end_s`; of several about the same thing the highest cut and the latest end count.
    pub(super) fn add(&self, fact: &Fact, end_s: u32) -> Result<(), MalformedFact> {
        self.put(fact, end_s, Merge::Raise)
    }

    /// Adds a fact that ends at `end_s`, unless what is held covers the same tokens: then that keeps its own end.
    pub(super) fn add_unless_held(&self, fact: &Fact, end_s: u32) -> Result<(), MalformedFact> {
        self.put(fact, end_s, Merge::Keep)
    }

    fn put(&self, fact: &Fact, end_s: u32, merge: Merge) -> Result<(), MalformedFact> {
        let cut = || fact.at.map(Cut::at).ok_or(MalformedFact);
        let keep = merge == Merge::Keep;
        match fact.kind {
            Kind::Jti => self.jti.put(uuid(&fact.id)?, (), end_s, keep),
            Kind::Sid => self.sid.put(uuid(&fact.id)?, (), end_s, keep),
            Kind::Sub => match canonical_uuid(&fact.id) {
                Some(id) => self.sub.put(id, cut()?, end_s, keep),
                None => self.named_sub.put(fact.id.as_str().into(), cut()?, end_s, keep),
            },
            Kind::Client => self.client.put(fact.id.as_str().into(), cut()?, end_s, keep),
            Kind::Key => self.key.put(fact.id.as_str().into(), (), end_s, keep),
        }
        Ok(())
    }

    /// The kind of a fact that concerns the token.
    pub(super) fn check(&self, marks: &Marks<'_>) -> Option<Kind> {
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

    /// Drops what has ended. Before anything goes, `forgetting` is told the moment that every dropped end precedes.
    pub(super) fn sweep(&self, now_s: u32, forgetting: impl Fn(u32)) {
        self.jti.sweep(now_s, &forgetting);
        self.sid.sweep(now_s, &forgetting);
        self.sub.sweep(now_s, &forgetting);
        self.named_sub.sweep(now_s, &forgetting);
        self.client.sweep(now_s, &forgetting);
        self.key.sweep(now_s, &forgetting);
    }

    /// How many facts are held.
    pub(super) fn len(&self) -> usize {
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

//! Facts by kind, each with its end.

use uuid::Uuid;

use super::InvalidRevocationFact;
use super::sharded::Sharded;
use crate::claims::TokenId;
use crate::revocation::{RevocationFact, RevocationKind, RevocationQuery};

/// Chosen so that a million ids fill their tables well. More shards cost next to nothing; with fewer, a lock is held
/// longer.
const SHARDS: usize = 320;

/// The number of shards where few facts are expected.
const FEW_SHARDS: usize = 16;

/// A cut in 48 bits, as many as the time of a UUIDv7 has. Big-endian, so that the order of the bytes is that of the
/// numbers.
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

/// Facts that expire by the same clock.
pub(super) struct Facts {
    jti: Sharded<[u8; 16], ()>,
    sid: Sharded<[u8; 16], ()>,
    sub: Sharded<[u8; 16], Cut>,
    named_sub: Sharded<Box<str>, Cut>,
    client: Sharded<Box<str>, Cut>,
    key: Sharded<Box<str>, ()>,
}

/// How a fact is combined with an earlier one about the same id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// The higher cut and the later end count.
    Raise,
    /// The new fact counts only if it has a higher cut, that is, if it covers more tokens.
    Keep,
}

impl Facts {
    /// A set for about a million facts.
    pub(super) fn many() -> Self {
        Self::with_shards(SHARDS)
    }

    /// A set for a few facts.
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

    /// Adds a fact that ends at `end_s`. Of several facts about the same id the highest cut and the latest end count.
    pub(super) fn add(&self, fact: &RevocationFact, end_s: u32) -> Result<(), InvalidRevocationFact> {
        self.put(fact, end_s, Merge::Raise)
    }

    /// Adds a fact that ends at `end_s`, unless an earlier fact covers the same tokens. The earlier one then keeps its
    /// end.
    pub(super) fn add_unless_held(
        &self,
        fact: &RevocationFact,
        end_s: u32,
    ) -> Result<(), InvalidRevocationFact> {
        self.put(fact, end_s, Merge::Keep)
    }

    fn put(&self, fact: &RevocationFact, end_s: u32, merge: Merge) -> Result<(), InvalidRevocationFact> {
        let cut = || fact.at.map(Cut::at).ok_or(InvalidRevocationFact);
        let keep = merge == Merge::Keep;
        match fact.kind {
            RevocationKind::Jti => self.jti.put(uuid(&fact.id)?, (), end_s, keep),
            RevocationKind::Sid => self.sid.put(uuid(&fact.id)?, (), end_s, keep),
            RevocationKind::Sub => match canonical_uuid(&fact.id) {
                Some(id) => self.sub.put(id, cut()?, end_s, keep),
                None => self.named_sub.put(fact.id.as_str().into(), cut()?, end_s, keep),
            },
            RevocationKind::Client => self.client.put(fact.id.as_str().into(), cut()?, end_s, keep),
            RevocationKind::Key => self.key.put(fact.id.as_str().into(), (), end_s, keep),
        }
        Ok(())
    }

    /// The kind of a fact that revokes the token; `None` if no fact does.
    pub(super) fn check(&self, query: &RevocationQuery<'_>) -> Option<RevocationKind> {
        let covers = |cut: Option<Cut>| cut.is_some_and(|cut| cut.covers(query.jti));
        if self.jti.get(query.jti.as_bytes()).is_some() {
            return Some(RevocationKind::Jti);
        }
        if query.sid.is_some_and(|sid| self.sid.get(sid.as_bytes()).is_some()) {
            return Some(RevocationKind::Sid);
        }
        let sub = match canonical_uuid(query.sub) {
            Some(id) => self.sub.get(&id),
            None => self.named_sub.get(query.sub),
        };
        if covers(sub) {
            return Some(RevocationKind::Sub);
        }
        if covers(self.client.get(query.client_id)) {
            return Some(RevocationKind::Client);
        }
        self.key.get(query.kid).map(|()| RevocationKind::Key)
    }

    /// Removes expired facts. Before anything is removed, calls `forgetting` with a time (seconds) that is later than
    /// the end of every fact to be removed.
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

fn uuid(id: &str) -> Result<[u8; 16], InvalidRevocationFact> {
    Uuid::try_parse(id).map(Uuid::into_bytes).map_err(|_| InvalidRevocationFact)
}

/// The bytes of a UUID in its canonical form. A different spelling is a different subject.
fn canonical_uuid(id: &str) -> Option<[u8; 16]> {
    let canonical = id.len() == 36 && !id.bytes().any(|b| b.is_ascii_uppercase());
    canonical.then(|| uuid(id).ok()).flatten()
}

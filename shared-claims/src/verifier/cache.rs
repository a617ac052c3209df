//! The tokens whose signature was found good, so that it need not be checked again.

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use super::verified::Verified;

/// Bounded; the least used entries make room. Nothing else of a check is remembered: whether the key still serves,
/// the times and the revocation list are looked at each time.
#[derive(Debug)]
pub(super) struct TokenCache<C> {
    entries: Cache<Digest, Verified<C>>,
}

/// SHA-256 of the whole token, signature included.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(token: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

impl<C> TokenCache<C> {
    /// `None` for a capacity of 0.
    pub(super) fn new(capacity: usize) -> Option<Self> {
        (capacity > 0).then(|| Self { entries: Cache::new(capacity) })
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Verified<C>> {
        self.entries.get(digest)
    }

    pub(super) fn insert(&self, digest: Digest, entry: Verified<C>) {
        self.entries.insert(digest, entry);
    }

    pub(super) fn remove(&self, digest: &Digest) {
        self.entries.remove(digest);
    }
}

//! A cache of tokens whose signature is valid, so that it is not checked again.

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use super::verified::Verified;

/// A bounded cache; the least used entries are removed first. Only the result of the signature check is cached: the
/// key, the times and the revocation list are checked for every request.
#[derive(Debug)]
pub(super) struct TokenCache<C> {
    entries: Cache<Digest, Verified<C>>,
}

/// The SHA-256 hash of the whole token, with its signature.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(token: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

impl<C> TokenCache<C> {
    /// Creates a cache; `None` for a capacity of 0.
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

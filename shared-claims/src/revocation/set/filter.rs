//! A filter that tells without a lock which keys a shard does not hold.
//!
//! Nearly every check is for a token that is not revoked. With a lock, all checking threads would write to the same few
//! locks (of one user, one client, one key), and two threads would be hardly faster than one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Four kilobytes per shard, allocated with its first key. With a million ids in all shards, nine of ten lookups end in
/// the filter; with fewer ids nearly all do.
const WORDS: usize = 512;

/// One bit for each key, at the position of its hash. Written only under the shard's lock.
#[derive(Debug, Default)]
pub(super) struct Filter(OnceLock<Box<[AtomicU64; WORDS]>>);

impl Filter {
    /// Returns false only if no key with this hash was added. A thread that knows of a fact, because its list is
    /// complete or because a token was refused, sees the fact's bit.
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = place(hash);
        let words = self.0.get().and_then(|words| words.get(word));
        words.is_some_and(|word| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Sets the bit of a key. To be called after the key was added.
    pub(super) fn add(&self, hash: u64) {
        let words = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; WORDS]));
        let (word, bit) = place(hash);
        if let Some(word) = words.get(word) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Clears the bits of all hashes that are not in `hashes`. The others stay set for every reader, because each word
    /// is replaced in one store.
    pub(super) fn keep_only(&self, hashes: impl Iterator<Item = u64>) {
        let Some(words) = self.0.get() else { return };
        let mut kept = [0; WORDS];
        for (word, bit) in hashes.map(place) {
            if let Some(word) = kept.get_mut(word) {
                *word |= bit;
            }
        }
        for (word, kept) in words.iter().zip(kept) {
            word.store(kept, Ordering::Release);
        }
    }
}

/// The word and the bit of a hash.
fn place(hash: u64) -> (usize, u64) {
    (usize::try_from(hash / 64).unwrap_or(0) % WORDS, 1 << (hash % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_may_be_held_until_it_is_dropped() {
        let filter = Filter::default();
        assert!(!filter.may_hold(7));
        for hash in (0..1_000).step_by(7) {
            filter.add(hash);
        }
        assert!((0..1_000).all(|hash| filter.may_hold(hash) == (hash % 7 == 0)));
        filter.keep_only((0..1_000).step_by(14));
        assert!((0..1_000).all(|hash| filter.may_hold(hash) == (hash % 14 == 0)));
        assert!(filter.may_hold(u64::try_from(WORDS).unwrap() * 64), "another key of the same bit");
    }
}

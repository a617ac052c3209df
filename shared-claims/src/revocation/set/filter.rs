//! Which keys a shard certainly does not hold, told without its lock.
//!
//! Nearly every question is about a token that nothing concerns. A lock would make all threads that ask write to the same
//! few places (a user's, a client's, a key's), and then two threads check hardly more than one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Four kilobytes a shard, taken at its first key: with a million ids over all shards nine of ten questions end here,
/// with fewer nearly all.
const WORDS: usize = 512;

/// One bit for each key, found by its hash. Written under the shard's lock alone.
#[derive(Debug, Default)]
pub(super) struct Filter(OnceLock<Box<[AtomicU64; WORDS]>>);

impl Filter {
    /// False where no key of that hash was added. Who was told of a fact, by its list's completeness or by a refusal,
    /// finds its bit.
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = place(hash);
        let words = self.0.get().and_then(|words| words.get(word));
        words.is_some_and(|word| word.load(Ordering::Acquire) & bit != 0)
    }

    /// To be called after the key was added.
    pub(super) fn add(&self, hash: u64) {
        let words = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; WORDS]));
        let (word, bit) = place(hash);
        if let Some(word) = words.get(word) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Forgets what is not among `hashes`, without missing one of them for a moment: each word is replaced at once.
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

/// Word and bit of a hash.
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

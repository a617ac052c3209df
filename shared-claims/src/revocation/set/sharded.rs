//! A map whose entries expire. It has many small shards, each with its own lock and its own expiry buckets.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The width of an expiry bucket, seconds. Keys in the same bucket are removed together.
const BUCKET_S: u32 = 64;

/// The expiry bucket of an end. Everything in a bucket has ended when the next one begins.
fn bucket_of(end_s: u32) -> u32 {
    end_s / BUCKET_S
}

/// Whether a sweep at `now_s` removes what ends at `end_s`. This is the case a little after the end, never before.
pub(super) fn is_due(end_s: u32, now_s: u32) -> bool {
    bucket_of(end_s) < bucket_of(now_s)
}

/// A shard, with a filter that saves most readers the lookup.
struct Shard<K, V> {
    /// Changed only while the lock is held.
    filter: Filter,
    len: AtomicUsize,
    contents: RwLock<ShardEntries<K, V>>,
}

/// The entries of one shard. Its tables grow in small steps, so that a million entries fit into 64 MiB.
struct ShardEntries<K, V> {
    entries: HashMap<K, (V, u32)>,
    ends: BTreeMap<u32, Vec<K>>,
}

/// A concurrent map from ids to values with an end. Of two values for the same id the greater one counts, and the later
/// end.
pub(super) struct Sharded<K, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: RandomState,
}

impl<K: Hash + Eq + Clone, V: Ord + Copy> Sharded<K, V> {
    pub(super) fn new(shards: usize) -> Self {
        let shard = || Shard {
            filter: Filter::default(),
            len: AtomicUsize::new(0),
            contents: RwLock::new(ShardEntries { entries: HashMap::new(), ends: BTreeMap::new() }),
        };
        Self { shards: (0..shards.max(1)).map(|_| shard()).collect(), hasher: RandomState::new() }
    }

    /// The number of ids in the map.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len.load(Ordering::Relaxed)).sum()
    }

    /// The value of `key`.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (shard, hash) = self.shard(key)?;
        if !shard.filter.may_hold(hash) {
            return None;
        }
        read(&shard.contents).entries.get(key).map(|(value, _)| *value)
    }

    /// Adds a value, or raises the existing one. With `keep`, only a greater value changes an existing entry, so that a
    /// repeated value does not extend its end.
    pub(super) fn put(&self, key: K, value: V, end_s: u32, keep: bool) {
        let Some((shard, hash)) = self.shard(&key) else { return };
        let mut guard = write(&shard.contents);
        let ShardEntries { entries, ends } = &mut *guard;
        if let Some((current, end)) = entries.get_mut(&key) {
            if keep && value <= *current {
                return;
            }
            *current = value.max(*current);
            let moved = bucket_of(end_s) > bucket_of(*end);
            *end = end_s.max(*end);
            if !moved {
                return;
            }
        } else {
            entries.insert(key.clone(), (value, end_s));
            shard.filter.add(hash);
            shard.len.store(entries.len(), Ordering::Relaxed);
        }
        let bucket = ends.entry(bucket_of(end_s)).or_default();
        if bucket.len() == bucket.capacity() {
            bucket.reserve_exact((bucket.len() / 8).max(4));
        }
        bucket.push(key);
    }

    /// Removes expired entries and touches nothing else. Before anything is removed, calls `forgetting` with a time
    /// (seconds) that is later than the end of every entry to be removed.
    pub(super) fn sweep(&self, now_s: u32, forgetting: &impl Fn(u32)) {
        for shard in &self.shards {
            let first = read(&shard.contents).ends.first_key_value().map(|(bucket, _)| *bucket);
            if first.is_some_and(|bucket| bucket < bucket_of(now_s)) {
                forgetting(bucket_of(now_s) * BUCKET_S);
                let mut contents = write(&shard.contents);
                contents.drop_due(now_s);
                shard.filter.keep_only(contents.entries.keys().map(|key| self.locate(key).1));
                shard.len.store(contents.entries.len(), Ordering::Relaxed);
            }
        }
    }

    /// The shard of `key`, and the hash for the shard's filter.
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<(&Shard<K, V>, u64)> {
        let (index, hash) = self.locate(key);
        Some((self.shards.get(index)?, hash))
    }

    fn locate<Q: Hash + ?Sized>(&self, key: &Q) -> (usize, u64) {
        let (count, hash) = (u64::try_from(self.shards.len()).unwrap_or(1), self.hasher.hash_one(key));
        (usize::try_from(hash % count).unwrap_or(0), hash / count)
    }
}

impl<K: Hash + Eq, V> ShardEntries<K, V> {
    fn drop_due(&mut self, now_s: u32) {
        while let Some(bucket) = self.ends.first_entry().filter(|bucket| *bucket.key() < bucket_of(now_s)) {
            for key in bucket.remove() {
                // A key whose end was raised meanwhile is also in a later bucket.
                if self.entries.get(&key).is_some_and(|(_, end)| is_due(*end, now_s)) {
                    self.entries.remove(&key);
                }
            }
        }
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }
}

// A poisoned lock may be used: between two statements that can panic, a writer never leaves an entry half changed.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Four kilobytes per shard, allocated with its first key. With a million ids in all shards, nine of ten lookups end in
/// the filter; with fewer ids nearly all do.
const FILTER_WORDS: usize = 512;

/// A filter that tells without a lock which keys a shard does not hold: one bit for each key, at the position of its hash.
/// Written only under the shard's lock.
///
/// Nearly every check is for a token that is not revoked. With a lock, all checking threads would write to the same few
/// locks (of one user, one client, one key), and two threads would be hardly faster than one.
#[derive(Debug, Default)]
struct Filter(OnceLock<Box<[AtomicU64; FILTER_WORDS]>>);

impl Filter {
    /// Returns false only if no key with this hash was added. A thread that knows of a fact, because its list is
    /// complete or because a token was refused, sees the fact's bit.
    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = bit_of(hash);
        let words = self.0.get().and_then(|words| words.get(word));
        words.is_some_and(|word| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Sets the bit of a key. To be called after the key was added.
    fn add(&self, hash: u64) {
        let words = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; FILTER_WORDS]));
        let (word, bit) = bit_of(hash);
        if let Some(word) = words.get(word) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Clears the bits of all hashes that are not in `hashes`. The others stay set for every reader, because each word
    /// is replaced in one store.
    fn keep_only(&self, hashes: impl Iterator<Item = u64>) {
        let Some(words) = self.0.get() else { return };
        let mut kept = [0; FILTER_WORDS];
        for (word, bit) in hashes.map(bit_of) {
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
fn bit_of(hash: u64) -> (usize, u64) {
    (usize::try_from(hash / 64).unwrap_or(0) % FILTER_WORDS, 1 << (hash % 64))
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
        assert!(filter.may_hold(u64::try_from(FILTER_WORDS).unwrap() * 64), "another key of the same bit");
    }
}

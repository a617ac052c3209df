//! A map whose entries expire. It has many small shards, each with its own lock and its own expiry buckets.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::filter::Filter;

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
    held: RwLock<Held<K, V>>,
}

/// The entries of one shard. Its tables grow in small steps, so that a million entries fit into 64 MiB.
struct Held<K, V> {
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
            held: RwLock::new(Held { entries: HashMap::new(), ends: BTreeMap::new() }),
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
        read(&shard.held).entries.get(key).map(|(value, _)| *value)
    }

    /// Adds a value, or raises the existing one. With `keep`, only a greater value changes an existing entry, so that a
    /// repeated value does not extend its end.
    pub(super) fn put(&self, key: K, value: V, end_s: u32, keep: bool) {
        let Some((shard, hash)) = self.shard(&key) else { return };
        let mut guard = write(&shard.held);
        let Held { entries, ends } = &mut *guard;
        if let Some((standing, end)) = entries.get_mut(&key) {
            if keep && value <= *standing {
                return;
            }
            *standing = value.max(*standing);
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
            let first = read(&shard.held).ends.first_key_value().map(|(bucket, _)| *bucket);
            if first.is_some_and(|bucket| bucket < bucket_of(now_s)) {
                forgetting(bucket_of(now_s) * BUCKET_S);
                let mut held = write(&shard.held);
                held.drop_due(now_s);
                shard.filter.keep_only(held.entries.keys().map(|key| self.place(key).1));
                shard.len.store(held.entries.len(), Ordering::Relaxed);
            }
        }
    }

    /// The shard of `key`, and the hash for the shard's filter.
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<(&Shard<K, V>, u64)> {
        let (index, hash) = self.place(key);
        Some((self.shards.get(index)?, hash))
    }

    fn place<Q: Hash + ?Sized>(&self, key: &Q) -> (usize, u64) {
        let (count, hash) = (u64::try_from(self.shards.len()).unwrap_or(1), self.hasher.hash_one(key));
        (usize::try_from(hash % count).unwrap_or(0), hash / count)
    }
}

impl<K: Hash + Eq, V> Held<K, V> {
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

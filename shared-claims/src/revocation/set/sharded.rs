//! A map that forgets: many small shards, each with its own lock and its own expiry buckets.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Keys that end within the same so many seconds are dropped together.
const BUCKET_S: u32 = 64;

/// The bucket of an end. Everything in a bucket has ended when the next one begins.
fn bucket_of(end_s: u32) -> u32 {
    end_s / BUCKET_S
}

/// Whether what ends at `end_s` is dropped by a sweep at `now_s`: a little later than its end, never earlier.
pub(super) fn is_due(end_s: u32, now_s: u32) -> bool {
    bucket_of(end_s) < bucket_of(now_s)
}

/// What one shard holds. Grown in small steps, so that a million entries stay in their 64 MiB.
struct Shard<K, V> {
    entries: HashMap<K, (V, u32)>,
    ends: BTreeMap<u32, Vec<K>>,
}

/// A concurrent map from ids to values with an end. Of two values for an id the greater counts, of two ends the later.
pub(super) struct Sharded<K, V> {
    shards: Box<[RwLock<Shard<K, V>>]>,
    hasher: RandomState,
    len: AtomicUsize,
}

impl<K: Hash + Eq + Clone, V: Ord + Copy> Sharded<K, V> {
    pub(super) fn new(shards: usize) -> Self {
        let shard = || RwLock::new(Shard { entries: HashMap::new(), ends: BTreeMap::new() });
        Self {
            shards: (0..shards.max(1)).map(|_| shard()).collect(),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
        }
    }

    /// How many ids are held.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The value that stands for `key`.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        read(self.shard(key)?).entries.get(key).map(|(value, _)| *value)
    }

    /// Adds a value, or raises the one that stands.
    pub(super) fn add(&self, key: K, value: V, end_s: u32) {
        let Some(shard) = self.shard(&key) else { return };
        let mut guard = write(shard);
        let Shard { entries, ends } = &mut *guard;
        if let Some((standing, end)) = entries.get_mut(&key) {
            *standing = value.max(*standing);
            let moved = bucket_of(end_s) > bucket_of(*end);
            *end = end_s.max(*end);
            if !moved {
                return;
            }
        } else {
            entries.insert(key.clone(), (value, end_s));
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        let bucket = ends.entry(bucket_of(end_s)).or_default();
        if bucket.len() == bucket.capacity() {
            bucket.reserve_exact((bucket.len() / 8).max(4));
        }
        bucket.push(key);
    }

    /// Drops what has ended, touching nothing else. Before anything goes, `forgetting` is told the moment (seconds)
    /// that every dropped end precedes.
    pub(super) fn sweep(&self, now_s: u32, forgetting: impl Fn(u32)) {
        for shard in &self.shards {
            let first = read(shard).ends.first_key_value().map(|(bucket, _)| *bucket);
            if first.is_some_and(|bucket| bucket < bucket_of(now_s)) {
                forgetting(bucket_of(now_s) * BUCKET_S);
                let dropped = write(shard).drop_due(now_s);
                self.len.fetch_sub(dropped, Ordering::Relaxed);
            }
        }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<&RwLock<Shard<K, V>>> {
        let count = u64::try_from(self.shards.len()).unwrap_or(1);
        self.shards.get(usize::try_from(self.hasher.hash_one(key) % count).unwrap_or(0))
    }
}

impl<K: Hash + Eq, V> Shard<K, V> {
    fn drop_due(&mut self, now_s: u32) -> usize {
        let mut dropped = 0;
        while let Some(bucket) = self.ends.first_entry().filter(|bucket| *bucket.key() < bucket_of(now_s)) {
            for key in bucket.remove() {
                // An end that was raised meanwhile has its key in a later bucket, too.
                if self.entries.get(&key).is_some_and(|(_, end)| is_due(*end, now_s)) {
                    self.entries.remove(&key);
                    dropped += 1;
                }
            }
        }
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        dropped
    }
}

// A writer that panicked left each entry whole: nothing here is half done between two statements that can panic.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

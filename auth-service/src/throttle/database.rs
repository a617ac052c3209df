//! Counters in the database: a step is a transaction that locks their rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use service_kit::database::{Database, DatabaseError, DbConnection};

use super::Limited;
use super::key::CounterKey;
use super::place::StoreError;
use super::store::{Begun, Ending, Step};
use crate::domain::{AttemptCounter, AttemptEnd, AttemptId, RefusedBy, Stepped, begin_in_all};
use crate::storage::throttle_counters::{self, CounterRow};

/// How much longer a row is kept than its counter counts, in milliseconds, because replicas may have different clocks.
const KEPT_MS: i64 = 2000;
/// The most rows that one look at the table removes.
const REMOVED: i64 = 1000;

pub(super) struct DatabaseCounters {
    database: Database,
    max_counters: i64,
    /// The number of rows at the last look, and what this process has inserted and deleted since.
    rows: Arc<AtomicI64>,
}

/// Why a transaction is rolled back.
enum RolledBack {
    Refused(RefusedBy),
    Failed(DatabaseError),
}

impl From<DatabaseError> for RolledBack {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error)
    }
}

impl DatabaseCounters {
    pub(super) fn new(database: Database, max_counters: u32) -> Self {
        Self { database, max_counters: max_counters.into(), rows: Arc::default() }
    }

    pub(super) async fn begin(&self, step: &Step) -> Result<Begun, StoreError> {
        let wanted = i64::try_from(step.counters.len()).unwrap_or(i64::MAX);
        let has_room = self.rows.load(Ordering::Relaxed).saturating_add(wanted) <= self.max_counters;
        let step = step.clone();
        let begun = self.database.write(move |conn| {
            let mut locked = Locked::of(conn, &step.counters, has_room)?;
            let placed: Vec<_> = step.counters.iter().map(|counter| locked.contains(*counter)).collect();
            let judged = step.counters.iter().enumerate().zip(&placed).filter(|(_, placed)| **placed);
            let (indexes, judged): (Vec<_>, Vec<_>) =
                judged.map(|((place, counter), _)| (place, *counter)).unzip();
            let mut states: Vec<_> = judged.iter().map(|counter| locked.take(*counter)).collect();
            let pairs = judged.iter().map(|counter| counter.rule).zip(&mut states);
            let Stepped { refusal, is_changed } = begin_in_all(pairs, step.attempt, step.what, step.now_ms);
            let refusal = refusal.map(|refusal| RefusedBy {
                counter: indexes.get(refusal.counter).copied().unwrap_or_default(),
                ..refusal
            });
            if let Some(refusal) = refusal.filter(|_| !is_changed) {
                return Err(RolledBack::Refused(refusal));
            }
            let mut remaining = vec![None; step.counters.len()];
            for ((place, counter), mut state) in indexes.iter().zip(&judged).zip(states) {
                if let Some(left) = remaining.get_mut(*place) {
                    *left = Some(state.remaining(counter.rule, step.now_ms));
                }
                locked.put(*counter, state);
            }
            let added = locked.write(conn, step.now_ms)?;
            Ok((refusal.map_or(Begun::Counted(remaining), Begun::No), added))
        });
        match begun.await {
            Ok((begun, added)) => {
                self.rows.fetch_add(added, Ordering::Relaxed);
                Ok(begun)
            }
            Err(RolledBack::Refused(refusal)) => Ok(Begun::No(refusal)),
            Err(RolledBack::Failed(error)) => Err(error.into()),
        }
    }

    pub(super) async fn end(
        &self,
        attempt: AttemptId,
        ends: &[Ending],
        now_ms: i64,
    ) -> Result<Vec<bool>, StoreError> {
        let ends = ends.to_vec();
        let ended = self.database.write(move |conn| {
            let counters: Vec<_> = ends.iter().map(|end| end.counter).collect();
            // There is nothing to end in a counter that is gone, but a failure counts in any case.
            let has_failed = ends.iter().any(|end| end.how == AttemptEnd::Failed);
            let mut locked = Locked::of(conn, &counters, has_failed)?;
            let mut filled = Vec::with_capacity(ends.len());
            for Ending { counter, how } in &ends {
                if !locked.contains(*counter) {
                    filled.push(false);
                    continue;
                }
                let mut state = locked.take(*counter);
                filled.push(state.end(counter.rule, attempt, *how, now_ms));
                locked.put(*counter, state);
            }
            let added = locked.write(conn, now_ms)?;
            Ok::<_, DatabaseError>((filled, added))
        });
        let (filled, added) = ended.await?;
        self.rows.fetch_add(added, Ordering::Relaxed);
        Ok(filled)
    }

    /// Counts the rows, and removes some that have ended.
    pub(super) async fn keep_house(&self, now_ms: i64) -> Result<(), StoreError> {
        let counted = self.database.write(move |conn| {
            throttle_counters::prune(conn, now_ms, REMOVED)?;
            throttle_counters::count(conn)
        });
        self.rows.store(counted.await?, Ordering::Relaxed);
        Ok(())
    }

    /// The number of counters at the last look.
    pub(super) fn live(&self) -> u64 {
        u64::try_from(self.rows.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

/// The counters of a step whose rows this transaction has locked.
struct Locked {
    states: HashMap<CounterKey, AttemptCounter>,
    /// The number of rows that this transaction inserted.
    inserted: i64,
}

impl Locked {
    /// Locks the rows of these counters. With `inserts` there is one for each of them.
    fn of(conn: &mut DbConnection, counters: &[Limited], inserts: bool) -> Result<Self, DatabaseError> {
        let mut keys: Vec<_> = counters.iter().map(|counter| counter.key.0.to_vec()).collect();
        keys.sort_unstable();
        keys.dedup();
        let rows = throttle_counters::lock(conn, &keys, inserts)?;
        let inserted = rows.iter().filter(|(_, state)| state.is_empty()).count();
        let states = rows.into_iter().filter_map(|(key, state)| {
            Some((CounterKey(key.try_into().ok()?), AttemptCounter::from_bytes(&state)))
        });
        Ok(Self { states: states.collect(), inserted: i64::try_from(inserted).unwrap_or(0) })
    }

    fn contains(&self, counter: Limited) -> bool {
        self.states.contains_key(&counter.key)
    }

    fn take(&self, counter: Limited) -> AttemptCounter {
        self.states.get(&counter.key).cloned().unwrap_or_default()
    }

    fn put(&mut self, counter: Limited, state: AttemptCounter) {
        self.states.insert(counter.key, state);
    }

    /// Writes the counters. Returns how many rows there are more than before.
    fn write(self, conn: &mut DbConnection, now_ms: i64) -> Result<i64, DatabaseError> {
        let (mut rows, mut empty) = (Vec::new(), Vec::new());
        for (CounterKey(key), state) in self.states {
            let ends_ms = state.empty_at_ms();
            if ends_ms > now_ms {
                let expires_at_ms = ends_ms.saturating_add(KEPT_MS);
                rows.push(CounterRow { key: key.to_vec(), state: state.to_bytes(), expires_at_ms });
            } else {
                empty.push(key.to_vec());
            }
        }
        throttle_counters::put(conn, &rows, &empty)?;
        Ok(self.inserted.saturating_sub(i64::try_from(empty.len()).unwrap_or(0)))
    }
}

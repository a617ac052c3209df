//! Removes rows that are no longer needed: in small batches, and by one replica at a time.
//!
//! The replica that prunes holds a lease in the database, and renews it in the transaction of every batch. If two
//! replicas both believe that they hold it (because clocks differ or a process was paused), their batches still take
//! turns. If the holder dies, another replica takes over after the lease has expired.

mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;

pub use self::table::{PruneRules, Table};
use crate::random::Random;
use crate::storage::meta::{self, Lease};

/// The most rows removed in one transaction, so that other transactions do not wait long for it.
const BATCH: i64 = 500;
/// The pause between two batches.
const PAUSE: Duration = Duration::from_millis(20);
/// The length of the lease, in milliseconds.
pub const LEASE_MS: i64 = 300_000;

/// The outcome of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneRound {
    /// Everything that was due is removed: this many rows.
    Done(usize),
    /// Another replica holds the lease.
    OtherReplica,
}

/// Prunes the tables. Cheap to clone.
#[derive(Clone)]
pub struct Pruner {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: SharedClock,
    rules: PruneRules,
    holder: String,
    status: PruneStatus,
}

impl Pruner {
    /// Builds the pruner of this replica, which has a random id as the holder of the lease.
    pub fn new(database: Database, clock: SharedClock, random: &Random, rules: PruneRules) -> Self {
        let (holder, status) = (random.uuid().to_string(), PruneStatus::default());
        Self { inner: Arc::new(Inner { database, clock, rules, holder, status }) }
    }

    /// Removes everything that is due, unless another replica holds the lease.
    pub async fn round(&self) -> Result<PruneRound, DatabaseError> {
        let mut removed = 0;
        for table in Table::ALL {
            loop {
                let Some(rows) = self.prune_batch(table).await? else { return Ok(PruneRound::OtherReplica) };
                removed += rows;
                self.inner.status.add(table, rows);
                if i64::try_from(rows).is_ok_and(|rows| rows < BATCH) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.inner.status.finish(self.inner.clock.now_seconds());
        Ok(PruneRound::Done(removed))
    }

    /// Removes one batch, in one transaction; `None` if another replica holds the lease.
    async fn prune_batch(&self, table: Table) -> Result<Option<usize>, DatabaseError> {
        let inner = Arc::clone(&self.inner);
        self.inner
            .database
            .write(move |conn| {
                let now_ms = inner.clock.now_ms();
                let lease = Lease { holder: &inner.holder, now_ms, length_ms: LEASE_MS };
                if !meta::hold(conn, meta::PRUNING, &lease)? {
                    return Ok(None);
                }
                Ok(Some(table.prune(conn, &inner.rules, now_ms, BATCH)?))
            })
            .await
    }

    /// The counters of this replica.
    pub fn status(&self) -> &PruneStatus {
        &self.inner.status
    }
}

/// What this replica has pruned, for metrics.
#[derive(Debug, Default)]
pub struct PruneStatus {
    rows: [AtomicU64; Table::ALL.len()],
    finished_at_s: AtomicI64,
}

impl PruneStatus {
    fn add(&self, table: Table, rows: usize) {
        if let Some(sum) = self.rows.get(table as usize) {
            sum.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    fn finish(&self, now_s: i64) {
        self.finished_at_s.store(now_s, Ordering::Relaxed);
    }

    /// The number of rows removed from this table.
    pub fn rows(&self, table: Table) -> u64 {
        self.rows.get(table as usize).map_or(0, |sum| sum.load(Ordering::Relaxed))
    }

    /// When the last round ended, seconds since the Unix epoch; 0 if there was none.
    pub fn finished_at_s(&self) -> i64 {
        self.finished_at_s.load(Ordering::Relaxed)
    }
}

//! Forgetting what no longer matters: a little at a time, and by one replica at a time.
//!
//! Whoever prunes holds a lease in the database, and renews it in the transaction of every batch. So two that believe
//! they hold it (clocks differ, processes stand still) take turns all the same, and when the holder dies another one
//! takes over once the lease has run out.

mod status;
mod table;

use std::sync::Arc;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;

pub use self::status::PruneStatus;
pub use self::table::{PruneRules, Table};
use crate::random::Random;
use crate::storage::meta::{self, Lease};

/// Rows removed in one transaction, so that nobody waits long for it.
const BATCH: i64 = 500;
/// Between two batches.
const BREATH: Duration = Duration::from_millis(20);
/// For how long whoever pruned goes on being the one.
pub const LEASE_MS: i64 = 300_000;

/// What became of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// All that was due is gone: so many rows.
    Done(usize),
    /// Another replica does it.
    Elsewhere,
}

/// Who prunes. Cheap to clone.
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
    /// A replica's own.
    pub fn new(database: Database, clock: SharedClock, random: &Random, rules: PruneRules) -> Self {
        let (holder, status) = (random.uuid().to_string(), PruneStatus::default());
        Self { inner: Arc::new(Inner { database, clock, rules, holder, status }) }
    }

    /// Removes all that is due, unless another replica is at it.
    pub async fn round(&self) -> Result<Round, DatabaseError> {
        let mut removed = 0;
        for table in Table::ALL {
            loop {
                let Some(rows) = self.batch(table).await? else { return Ok(Round::Elsewhere) };
                removed += rows;
                self.inner.status.add(table, rows);
                if i64::try_from(rows).is_ok_and(|rows| rows < BATCH) {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
        self.inner.status.finish(self.inner.clock.now_seconds());
        Ok(Round::Done(removed))
    }

    /// One transaction; `None` where another replica holds the lease.
    async fn batch(&self, table: Table) -> Result<Option<usize>, DatabaseError> {
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

    /// What this replica did so far.
    pub fn status(&self) -> &PruneStatus {
        &self.inner.status
    }
}

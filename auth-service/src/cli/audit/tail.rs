//! Reads the record forwards, and again where something may have been committed behind.
//!
//! An id holds the time at which its transaction took it, and transactions do not commit in that order; nor do the clocks
//! of replicas agree. So following reads the last stretch again and again, and remembers what of it was shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;

use crate::storage::audit::{self, AuditFilter, AuditRow, first_id_at};

/// Events read at once.
const PAGE: i64 = 500;
/// How far behind the newest event one may still appear: the database ends a transaction that idles for a minute, and the
/// rest is for its statements and for clocks.
pub(super) const WINDOW_MS: i64 = 120_000;

/// A place in the record.
pub(super) struct Tail {
    database: Database,
    clock: SharedClock,
    filter: Arc<AuditFilter>,
    /// Nothing before it is asked for.
    floor: String,
    /// What was read up to.
    after: String,
    /// The time of the newest event, as far as the clocks can be believed. Never goes back.
    horizon_ms: i64,
    /// What was shown, as far back as is read again.
    seen: BTreeSet<String>,
}

impl Tail {
    pub(super) fn new(database: Database, clock: SharedClock, filter: AuditFilter, since_ms: i64) -> Self {
        let floor = first_id_at(since_ms);
        Self {
            database,
            clock,
            filter: Arc::new(filter),
            after: floor.clone(),
            floor,
            horizon_ms: 0,
            seen: BTreeSet::new(),
        }
    }

    /// Passes over all but the newest `count`.
    pub(super) async fn skip_to_the_newest(&mut self, count: u32) -> Result<(), DatabaseError> {
        let (filter, floor) = (Arc::clone(&self.filter), self.floor.clone());
        let skipped = self.database.snapshot(move |conn| {
            Ok::<_, DatabaseError>(audit::before_the_newest(conn, &filter, &floor, count.into())?)
        });
        let Some(skipped) = skipped.await? else { return Ok(()) };
        // What is committed later among these is news.
        self.rewind(WINDOW_MS).await?;
        while self.after < skipped {
            let page = self.page().await?;
            let Some(last) = page.last() else { break };
            self.after.clone_from(&last.id);
            self.seen.extend(page.into_iter().map(|row| row.id).filter(|id| *id <= skipped));
        }
        self.after = skipped;
        Ok(())
    }

    /// What comes next, and whether that is all for now.
    pub(super) async fn next(&mut self) -> Result<(Vec<AuditRow>, bool), DatabaseError> {
        let mut rows = self.page().await?;
        let is_last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < PAGE;
        if let Some(last) = rows.last() {
            self.after.clone_from(&last.id);
            self.advance(last.at_ms);
        }
        rows.retain(|row| self.seen.insert(row.id.clone()));
        self.seen = self.seen.split_off(&first_id_at(self.horizon_ms.saturating_sub(WINDOW_MS)));
        Ok((rows, is_last))
    }

    /// Goes back, to read the last stretch again.
    pub(super) async fn rewind(&mut self, by_ms: i64) -> Result<(), DatabaseError> {
        let newest = self.database.snapshot(|conn| Ok::<_, DatabaseError>(audit::newest_ms(conn)?));
        self.advance(newest.await?.unwrap_or(0));
        let begin = first_id_at(self.horizon_ms.saturating_sub(by_ms));
        self.after = begin.max(self.floor.clone());
        Ok(())
    }

    /// There is an event of that time. A replica's clock may be ahead, and so may ours.
    fn advance(&mut self, at_ms: i64) {
        self.horizon_ms = self.horizon_ms.max(at_ms.min(self.clock.now_ms()));
    }

    async fn page(&self) -> Result<Vec<AuditRow>, DatabaseError> {
        let (filter, after) = (Arc::clone(&self.filter), self.after.clone());
        // On the primary: a standby may lag by more than the window.
        self.database.snapshot(move |conn| Ok(audit::page(conn, &filter, &after, PAGE)?)).await
    }
}

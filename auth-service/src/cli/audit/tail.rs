//! Reads the audit events in the order of their ids, and reads the newest part repeatedly.
//!
//! An id contains the time at which its transaction created it. Transactions do not commit in that order, and the
//! clocks of replicas differ, so an event may appear behind events that were read before. Therefore following reads
//! the last stretch repeatedly, and remembers which of its events were shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;

use crate::storage::audit::{self, AuditFilter, AuditRow, first_id_at};

/// The number of events read by one query.
const PAGE: i64 = 500;
/// How far behind the newest event another one may still appear, in milliseconds. The database ends a transaction
/// that is idle for a minute; the rest allows for its statements and for clock skew.
pub(super) const WINDOW_MS: i64 = 120_000;

/// A reading position in the audit events.
pub(super) struct Tail {
    database: Database,
    clock: SharedClock,
    filter: Arc<AuditFilter>,
    /// The lowest id that may be read.
    floor: String,
    /// The id up to which events were read.
    after: String,
    /// The time of the newest event, but not later than our own clock. Never goes back.
    horizon_ms: i64,
    /// The ids that were shown, as far back as the window that is read again.
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

    /// Skips all events but the newest `count`.
    pub(super) async fn skip_to_newest(&mut self, count: u32) -> Result<(), DatabaseError> {
        let (filter, floor) = (Arc::clone(&self.filter), self.floor.clone());
        let skipped =
            self.database.snapshot(move |conn| audit::before_the_newest(conn, &filter, &floor, count.into()));
        let Some(skipped) = skipped.await? else { return Ok(()) };
        // An event that is committed later within the window is still shown.
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

    /// Returns the next events that were not shown, and whether these are all for now.
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

    /// Moves the position back by `by_ms` from the newest event.
    pub(super) async fn rewind(&mut self, by_ms: i64) -> Result<(), DatabaseError> {
        let newest = self.database.snapshot(audit::newest_ms);
        self.advance(newest.await?.unwrap_or(0));
        let begin = first_id_at(self.horizon_ms.saturating_sub(by_ms));
        self.after = begin.max(self.floor.clone());
        Ok(())
    }

    /// Moves the horizon to an event's time, but not beyond our own clock: a replica's clock may be ahead.
    fn advance(&mut self, at_ms: i64) {
        self.horizon_ms = self.horizon_ms.max(at_ms.min(self.clock.now_ms()));
    }

    async fn page(&self) -> Result<Vec<AuditRow>, DatabaseError> {
        let (filter, after) = (Arc::clone(&self.filter), self.after.clone());
        // Reads from the primary: a standby may lag by more than the window.
        self.database.snapshot(move |conn| audit::page(conn, &filter, &after, PAGE)).await
    }
}

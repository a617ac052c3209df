//! The record of what was done, tried and refused.
//!
//! What changes something is recorded in the transaction of the change ([`Recorder`]). A refusal changes nothing: its
//! record is a transaction of its own, and the answer does not depend on it ([`Refusals`]). Both share one allowance, so that
//! nobody fills the table.

mod allowance;

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use service_kit::database::{Database, DatabaseError, DbConnection};
use service_kit::telemetry::LogScope;
use shared_claims::clock::SharedClock;

use self::allowance::{Allowance, Recorded};
use crate::domain::{Actor, AuditEvent, Origin};
use crate::random::Random;
use crate::storage::audit;

/// How long an answer waits for the record of a refusal. The writing goes on.
const PATIENCE: Duration = Duration::from_millis(250);

/// Writes events to the record. Cheap to clone; the clones share one allowance.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<RecorderInner>,
}

struct RecorderInner {
    random: Random,
    clock: SharedClock,
    allowance: Allowance,
    limits_callers: bool,
}

impl Recorder {
    /// Without `limits_callers` all that changes something is recorded, however often; refusals never are.
    pub fn new(random: Random, clock: SharedClock, limits_callers: bool) -> Self {
        let allowance = Allowance::default();
        Self { inner: Arc::new(RecorderInner { random, clock, allowance, limits_callers }) }
    }

    /// Records what is done in this transaction; the caller logs it once that is committed. What a caller may do again and
    /// again is recorded within the allowance.
    pub fn record(&self, conn: &mut DbConnection, event: &AuditEvent, now_ms: i64) -> QueryResult<()> {
        let inner = &self.inner;
        let is_limited =
            inner.limits_callers && event.origin.actor == Actor::Caller && event.kind.is_repeatable();
        if is_limited {
            for event in self.within_allowance(event) {
                audit::record(conn, &event, &inner.random, now_ms)?;
            }
            return Ok(());
        }
        audit::record(conn, event, &inner.random, now_ms)
    }

    /// The rows that an event has: none where the allowance is used up; with the number of those that were passed over.
    fn within_allowance(&self, event: &AuditEvent) -> Vec<AuditEvent> {
        let inner = &self.inner;
        let Some(Recorded { of_kind, of_account }) = inner.allowance.take(event, inner.clock.boot_ms())
        else {
            return Vec::new();
        };
        let flood = |passed_over: u64| {
            let flood = AuditEvent::new(event.kind, &Origin::system()).reason("flood");
            (passed_over > 0).then(|| flood.subject(format!("{passed_over} more")))
        };
        let of_account = flood(of_account).map(|flood| AuditEvent {
            user_id: event.user_id,
            client_id: event.client_id.clone(),
            ..flood
        });
        flood(of_kind).into_iter().chain(of_account).chain([event.clone()]).collect()
    }
}

/// Where refusals are recorded. Cheap to clone.
#[derive(Clone)]
pub struct Refusals {
    database: Database,
    recorder: Recorder,
}

impl Refusals {
    /// Records in this database.
    pub fn new(database: Database, recorder: Recorder) -> Self {
        Self { database, recorder }
    }

    /// Records a refusal and logs it. Takes the same way and time whomever it concerns; where the database is busy or
    /// away the answer is not held up, and the log has what the table lacks. So it has where refusals come in floods: the
    /// table, which outlives them for long, then has their number.
    pub async fn record(&self, event: AuditEvent) {
        event.log();
        let events = self.recorder.within_allowance(&event);
        if events.is_empty() {
            return;
        }
        let writing = tokio::spawn(LogScope::current().carry(write(self.clone(), events)));
        // A panic in there was logged where it happened; lateness is none of the caller's business.
        let _ = tokio::time::timeout(PATIENCE, writing).await;
    }
}

async fn write(refusals: Refusals, events: Vec<AuditEvent>) {
    let Refusals { database, recorder } = refusals;
    let written = database.write(move |conn| {
        let now_ms = recorder.inner.clock.now_ms();
        for event in &events {
            audit::record(conn, event, &recorder.inner.random, now_ms)?;
        }
        Ok::<_, DatabaseError>(())
    });
    if let Err(error) = written.await {
        tracing::error!(%error, "audit.not_recorded");
    }
}

//! The record of what was tried and refused.
//!
//! What changes something is recorded in the transaction of the change ([`crate::storage::audit`]). A refusal changes
//! nothing: its record is a transaction of its own, and the answer does not depend on it.

mod allowance;

use std::sync::Arc;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use tracing::Instrument as _;

use self::allowance::Allowance;
use crate::domain::{AuditEvent, Origin};
use crate::random::Random;
use crate::storage::audit;

/// How long an answer waits for the record. The writing goes on.
const PATIENCE: Duration = Duration::from_millis(250);

/// Where refusals are recorded. Cheap to clone.
#[derive(Clone)]
pub struct Refusals {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    random: Random,
    clock: SharedClock,
    allowance: Allowance,
}

impl Refusals {
    /// Records in this database.
    pub fn new(database: Database, random: Random, clock: SharedClock) -> Self {
        Self { inner: Arc::new(Inner { database, random, clock, allowance: Allowance::default() }) }
    }

    /// Records a refusal and logs it. Takes the same way and time whomever it concerns; where the database is busy or
    /// away the answer is not held up, and the log has what the table lacks. So it has where refusals come in floods: the
    /// table, which outlives them for long, then has their number.
    pub async fn record(&self, event: AuditEvent) {
        event.log();
        let Some(passed_over) = self.inner.allowance.take(event.kind, self.inner.clock.boot_ms()) else {
            return;
        };
        let flood = AuditEvent::new(event.kind, &Origin::system()).reason("flood");
        let flood = (passed_over > 0).then(|| flood.subject(format!("{passed_over} more")));
        let events = flood.into_iter().chain([event]).collect();
        let writing = tokio::spawn(write(Arc::clone(&self.inner), events).in_current_span());
        // A panic in there was logged where it happened; lateness is none of the caller's business.
        let _ = tokio::time::timeout(PATIENCE, writing).await;
    }
}

async fn write(inner: Arc<Inner>, events: Vec<AuditEvent>) {
    let (random, clock) = (inner.random.clone(), Arc::clone(&inner.clock));
    let written = inner.database.write(move |conn| {
        let now_ms = clock.now_ms();
        for event in &events {
            audit::record(conn, event, &random, now_ms)?;
        }
        Ok::<_, DatabaseError>(())
    });
    if let Err(error) = written.await {
        tracing::error!(%error, "audit.not_recorded");
    }
}

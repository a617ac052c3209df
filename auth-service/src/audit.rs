//! The record of what was tried and refused.
//!
//! What changes something is recorded in the transaction of the change ([`crate::storage::audit`]). A refusal changes
//! nothing: its record is a transaction of its own, and the answer does not depend on it.

use std::sync::Arc;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use tracing::Instrument as _;

use crate::domain::AuditEvent;
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
}

impl Refusals {
    /// Records in this database.
    pub fn new(database: Database, random: Random, clock: SharedClock) -> Self {
        Self { inner: Arc::new(Inner { database, random, clock }) }
    }

    /// Records a refusal and logs it. Takes the same way and time whomever it concerns; where the database is busy or
    /// away the answer is not held up, and the log has what the table lacks.
    pub async fn record(&self, event: AuditEvent) {
        event.log();
        let writing = tokio::spawn(write(Arc::clone(&self.inner), event).in_current_span());
        // A panic in there was logged where it happened; lateness is none of the caller's business.
        let _ = tokio::time::timeout(PATIENCE, writing).await;
    }
}

async fn write(inner: Arc<Inner>, event: AuditEvent) {
    let (random, now_ms) = (inner.random.clone(), inner.clock.now_ms());
    let written = inner
        .database
        .write(move |conn| Ok::<_, DatabaseError>(audit::record(conn, &event, &random, now_ms)?))
        .await;
    if let Err(error) = written {
        tracing::error!(%error, "audit.not_recorded");
    }
}

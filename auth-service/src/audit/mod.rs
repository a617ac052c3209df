//! Audit events: what was done, tried and refused.
//!
//! An event about a change is written in the transaction of the change ([`Recorder`]). A refusal changes nothing: its
//! event is written in a transaction of its own, and the response does not depend on it ([`Refusals`]). Both share
//! one allowance, so that no caller can fill the table.

mod allowance;

use std::sync::Arc;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use service_kit::telemetry::LogScope;
use shared_claims::clock::SharedClock;

use self::allowance::{Allowance, Dropped};
use crate::domain::{Actor, AuditEvent, Initiator};
use crate::random::Random;
use crate::storage::{AuditPolicy, audit};

/// How long a response waits until the event of a refusal is written. After that the response is sent and the write
/// continues.
const MAX_RESPONSE_DELAY: Duration = Duration::from_millis(250);

/// Writes audit events. Cheap to clone; the clones share one allowance.
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
    /// Builds a recorder. If `limits_callers` is false, every event about a change is written, however many there
    /// are. Events about refusals are always limited.
    pub fn new(random: Random, clock: SharedClock, limits_callers: bool) -> Self {
        let allowance = Allowance::default();
        Self { inner: Arc::new(RecorderInner { random, clock, allowance, limits_callers }) }
    }

    /// The rows to write for an event: none if the allowance is used up, and additional rows with the number of
    /// events that were dropped before.
    fn within_allowance(&self, event: &AuditEvent, unknown: Option<&str>) -> Vec<AuditEvent> {
        let inner = &self.inner;
        let taken = inner.allowance.take(event, unknown, inner.clock.boot_ms());
        let Some(Dropped { of_kind, of_account }) = taken else { return Vec::new() };
        let flood = |dropped: u64| {
            let flood = AuditEvent::new(event.kind, &Initiator::system()).reason("flood");
            (dropped > 0).then(|| flood.subject(format!("{dropped} more")))
        };
        let of_account = flood(of_account).map(|flood| AuditEvent {
            user_id: event.user_id,
            // The events concerned a name that nobody has, and not the client.
            client_id: event.client_id.clone().filter(|_| unknown.is_none()),
            ..flood
        });
        flood(of_kind).into_iter().chain(of_account).chain([event.clone()]).collect()
    }
}

impl AuditPolicy for Recorder {
    /// Events that a caller can cause at will are limited by the allowance.
    fn rows(&self, event: &AuditEvent) -> Vec<AuditEvent> {
        let is_limited =
            self.inner.limits_callers && event.initiator.actor == Actor::Caller && event.kind.is_repeatable();
        if is_limited { self.within_allowance(event, None) } else { vec![event.clone()] }
    }
}

/// Writes the audit events of refusals. Cheap to clone.
#[derive(Clone)]
pub struct Refusals {
    database: Database,
    recorder: Recorder,
}

impl Refusals {
    /// Writes to this database.
    pub fn new(database: Database, recorder: Recorder) -> Self {
        Self { database, recorder }
    }

    /// Logs a refusal and writes its audit event. It does the same work whether or not the user exists, so that the
    /// time tells nothing. If the database is slow or unavailable, the response is not delayed; the event is then in
    /// the log only. During a flood of refusals the log has every event, and the table has the number of dropped
    /// ones.
    pub async fn record(&self, event: AuditEvent) {
        self.record_within(event, None).await;
    }

    /// Records that somebody was refused under a name that nobody has. The name, case folded, is not recorded: it decides in
    /// which allowance the event counts, so that the response takes as long as if there were such an account.
    pub async fn record_unknown(&self, event: AuditEvent, name: &str) {
        self.record_within(event, Some(name)).await;
    }

    async fn record_within(&self, event: AuditEvent, unknown: Option<&str>) {
        event.log();
        let events = self.recorder.within_allowance(&event, unknown);
        if events.is_empty() {
            return;
        }
        let writing = tokio::spawn(LogScope::current().instrument(write(self.clone(), events)));
        // A panic in the task was logged where it happened. A late write does not change the response.
        let _ = tokio::time::timeout(MAX_RESPONSE_DELAY, writing).await;
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

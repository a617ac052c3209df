//! The status of the projection to Redis (for `/readyz` and `/metrics`), and the state that the projector shares with
//! those who announce facts.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

/// The result of the projector's last round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectionState {
    /// No round has ended yet.
    #[default]
    Starting,
    /// The list in Redis is complete and its proof was renewed.
    Current,
    /// The list was renewed, but another issuer with another database keeps a list under the same keys. Each replaces
    /// the other's list again and again.
    Contested,
    /// Redis is so full that facts cannot be delivered. They wait in the database, and the proof is not renewed, so
    /// that verifiers refuse tokens when it has expired.
    Full,
    /// Redis may evict facts. The proof is not renewed, so that verifiers refuse tokens when it has expired.
    MayEvict,
    /// The database is an older state of itself. Nothing is delivered or renewed.
    Older,
    /// Redis did not answer, or failed.
    RedisUnavailable,
    /// The database did not answer, or failed.
    DatabaseUnavailable,
    /// Other auth-services changed the list during every attempt. The next round tries again.
    Conflict,
    /// The round panicked. The next one starts again.
    Panicked,
}

impl ProjectionState {
    /// The name shown in `/readyz`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Current => "ok",
            Self::Contested => "contested",
            Self::Full => "full",
            Self::MayEvict => "may_evict",
            Self::Older => "older_database",
            Self::RedisUnavailable => "unavailable",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Conflict => "outrun",
            Self::Panicked => "panicked",
        }
    }
}

/// The projection's state and its counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProjectionStatus {
    /// The result of the last round.
    pub state: ProjectionState,
    /// The sequence number up to which Redis is known to have the log.
    pub delivered: i64,
    /// The number of rounds that renewed the proof.
    pub renewals: u64,
    /// The number of rounds that failed.
    pub failures: u64,
    /// The number of times the list was rebuilt under a new epoch.
    pub rebuilds: u64,
    /// The number of times another issuer replaced the list.
    pub contests: u64,
    /// Whether Redis has reached its `maxmemory`.
    pub is_full: bool,
    /// The part of `maxmemory` that Redis uses, in thousandths; 0 without a `maxmemory`.
    pub memory_permille: u64,
    /// Whether Redis may evict.
    pub may_evict: bool,
    /// The number of keys that Redis has evicted since it started.
    pub evicted_keys: u64,
    /// When the proof was last renewed, milliseconds since the Unix epoch on this process's clock; 0 for never.
    pub renewed_at_ms: i64,
}

/// The shared state of the projector. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct SharedStatus {
    wake: Arc<Notify>,
    delivered: Arc<watch::Sender<i64>>,
    status: Arc<Mutex<ProjectionStatus>>,
}

impl Default for SharedStatus {
    fn default() -> Self {
        Self {
            wake: Arc::new(Notify::new()),
            delivered: Arc::new(watch::Sender::new(0)),
            status: Arc::default(),
        }
    }
}

impl SharedStatus {
    /// Waits until a fact is announced.
    pub(super) async fn wait_for_announcement(&self) {
        self.wake.notified().await;
    }

    /// Wakes the projector and waits until Redis has everything up to `seq`.
    pub(super) async fn deliver(&self, seq: i64) {
        let mut delivered = self.delivered.subscribe();
        self.wake.notify_one();
        // An error means that the projector has stopped. The fact stays in the log and is delivered after the next
        // start.
        let _ = delivered.wait_for(|delivered| *delivered >= seq).await;
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ProjectionStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Records that Redis has everything up to `seq`.
    pub(super) fn record_delivered(&self, seq: i64) {
        self.delivered.send_replace(seq);
        self.update(|status| status.delivered = seq);
    }
}

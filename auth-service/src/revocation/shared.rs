//! The state that the handle and the projector share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use super::status::ProjectionStatus;

/// The shared state of the projector. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    wake: Arc<Notify>,
    delivered: Arc<watch::Sender<i64>>,
    status: Arc<Mutex<ProjectionStatus>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            wake: Arc::new(Notify::new()),
            delivered: Arc::new(watch::Sender::new(0)),
            status: Arc::default(),
        }
    }
}

impl Shared {
    /// Waits until a delivery is requested.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Wakes the projector and waits until Redis has everything up to `seq`.
    pub(super) async fn delivered(&self, seq: i64) {
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

    pub(super) fn reached(&self, seq: i64) {
        self.delivered.send_replace(seq);
        self.update(|status| status.delivered = seq);
    }
}

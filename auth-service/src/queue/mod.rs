//! The queue: messages that the service sends to others, such as logout tokens. A message is written by the transaction
//! that causes it ([`Transaction::enqueue`](crate::storage::Transaction::enqueue)), and sent by any replica: once in the
//! normal case, and at least once after a crash.
//!
//! A [`Handler`] knows how the messages of its kind are sent, and nothing of the queue. The [`Worker`] claims messages,
//! gives each to its handler, and deletes it or plans the next try. A replica that dies loses its claims when their time
//! is up, and another one takes them over.

mod first_tries;
mod handler;
mod status;
mod worker;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use tokio::sync::Notify;
use uuid::Uuid;

use self::first_tries::FirstTries;
pub use self::handler::{Delivery, Handler, Sending};
pub use self::status::{Outcome, QueueStatus};
pub use self::worker::Worker;
use crate::random::Random;
use crate::storage::Dispatch;
pub use crate::storage::queue::Depth;

/// How long somebody waits for the first tries of the messages that they caused.
const PATIENCE: Duration = Duration::from_secs(2);

/// The queue of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: SharedClock,
    random: Random,
    /// The id of this replica in its claims.
    holder: String,
    wake: Notify,
    first_tries: FirstTries,
    status: QueueStatus,
    /// Whether nothing may be sent.
    is_paused: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl Queue {
    /// Builds the queue of this replica, which has a random id.
    pub fn new(database: Database, clock: SharedClock, random: Random) -> Self {
        let holder = random.uuid().to_string();
        let (wake, first_tries, status) = (Notify::new(), FirstTries::default(), QueueStatus::default());
        let inner = Inner { database, clock, random, holder, wake, first_tries, status, is_paused: None };
        Self { inner: Arc::new(inner) }
    }

    /// Sends nothing while this says so. For a queue that is not in use yet.
    #[must_use]
    pub fn paused_while(mut self, is_paused: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.is_paused = Some(Box::new(is_paused));
        }
        self
    }

    /// What this replica knows of the queue, for metrics.
    pub fn status(&self) -> &QueueStatus {
        &self.inner.status
    }
}

impl Dispatch for Queue {
    fn wake(&self) {
        self.inner.wake.notify_one();
    }

    fn first_tries(&self, ids: Vec<Uuid>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let tried = self.inner.first_tries.wait(&self.inner.database, ids);
            // Whoever is not reached by then is tried in the background.
            let _ = tokio::time::timeout(PATIENCE, tried).await;
        })
    }
}

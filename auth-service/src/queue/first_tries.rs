//! Lets a request wait for the first tries of its messages.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use service_kit::database::Database;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::storage::queue;

/// How many tries are remembered: more than can end between a commit and the moment at which its caller begins to wait.
const REMEMBERED: usize = 4_096;
/// How often a request that waits looks into the database, because another replica may try its messages.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The messages that this replica tried last.
#[derive(Default)]
pub(super) struct FirstTries {
    last: Mutex<VecDeque<Uuid>>,
    changed: Notify,
}

impl FirstTries {
    /// Notes that a try of a message has ended.
    pub(super) fn note(&self, id: Uuid) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= REMEMBERED {
            last.pop_front();
        }
        last.push_back(id);
        drop(last);
        self.changed.notify_waiters();
    }

    /// Waits until each of these messages was tried once, by whichever replica.
    pub(super) async fn wait(&self, database: &Database, ids: Vec<Uuid>) {
        let mut left: HashSet<_> = ids.into_iter().collect();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no note is missed.
            changed.as_mut().enable();
            self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|id| {
                left.remove(id);
            });
            if left.is_empty() {
                return;
            }
            if tokio::time::timeout(LOOK_EVERY, changed).await.is_err() {
                let asked: Vec<_> = left.iter().copied().collect();
                let untried = database.read(move |conn| queue::untried(conn, &asked));
                if let Ok(untried) = untried.await {
                    left = untried.into_iter().collect();
                }
            }
        }
    }
}

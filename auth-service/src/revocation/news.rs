//! News for feeds that wait: one look at the log serves everybody who waits here, also for what other replicas wrote.

use std::sync::Arc;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use tokio::sync::{Notify, watch};

use crate::background;
use crate::storage::revocations;

/// How often the log is looked at while somebody waits.
const LOOK_EVERY: Duration = Duration::from_millis(25);

#[derive(Clone, Debug)]
pub(super) struct News {
    latest: Arc<watch::Sender<i64>>,
    asked: Arc<Notify>,
}

/// The background half of [`News`].
pub(super) struct Watcher {
    database: Database,
    news: News,
}

impl News {
    pub(super) fn new(database: Database) -> (Self, Watcher) {
        let news = Self { latest: Arc::new(watch::Sender::new(0)), asked: Arc::new(Notify::new()) };
        (news.clone(), Watcher { database, news })
    }

    /// What this replica committed need not be looked for.
    pub(super) fn publish(&self, seq: i64) {
        self.latest.send_if_modified(|latest| {
            let news = seq > *latest;
            if news {
                *latest = seq;
            }
            news
        });
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.latest.receiver_count()
    }

    pub(super) async fn later_than(&self, seq: i64, limit: Duration) {
        let mut latest = self.latest.subscribe();
        self.asked.notify_one();
        // Nothing came, or the watcher has stopped: the caller reads the log and answers with what is there.
        let _ = tokio::time::timeout(limit, latest.wait_for(|latest| *latest > seq)).await;
    }
}

impl Watcher {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = self.news.asked.notified() => {}
            }
            while self.news.latest.receiver_count() > 0 && !*stopped.borrow() {
                let read = self.database.read(|conn| Ok::<_, DatabaseError>(revocations::last_seq(conn)?));
                match background::step(read).await {
                    Some(Ok(seq)) => self.news.publish(seq),
                    Some(Err(error)) => tracing::debug!(%error, "revocation.news.unread"),
                    None => {}
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        // Whoever still waits is answered.
        self.news.publish(i64::MAX);
    }
}

//! The one reader of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use tokio::sync::watch;

use super::counts::Counts;
use super::desk::Desk;
use super::log;
use crate::background;

pub(super) struct Reader {
    pub(super) desk: Arc<Desk>,
    pub(super) database: Database,
    pub(super) clock: SharedClock,
    pub(super) counts: Arc<Counts>,
}

impl Reader {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut was_read = true;
        loop {
            let next = self.desk.next_read();
            let is_due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => break,
                // Only before the moment: otherwise a stream of requests would put the read off.
                () = self.desk.changed(), if next.is_none_or(|at| tokio::time::Instant::now() < at) => continue,
                () = is_due => {}
            }
            was_read = background::step(self.read(was_read)).await.unwrap_or(false);
        }
        self.desk.end();
    }

    /// One read; whether it was good. A panic drops those who wait for it, which tells them that it failed.
    async fn read(&self, was_read: bool) -> bool {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now_seconds();
        let begun = self.desk.begin(now);
        match log::read(&self.database, begun.anchor.clone(), now).await {
            Ok(reading) => {
                self.desk.take(begun, reading, now);
                if !was_read {
                    tracing::info!("revocation.feed.read_again");
                }
                true
            }
            Err(error) => {
                self.desk.fail(begun);
                if was_read {
                    tracing::warn!(%error, "revocation.feed.unread");
                }
                false
            }
        }
    }
}

//! The one reader of the log, on database connections that only the feed uses.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::clock::SharedClock;
use tokio::sync::watch;

use super::Counters;
use super::recent::{Anchor, CAPACITY, LogRange, LogReading, PAGE_ENTRIES};
use super::waiting::WaitingRequests;
use crate::background;
use crate::revocation::continuity::{Continuity, LogEnd, Shown};
use crate::storage::revocations::{self, LogPage};

/// How long a read may take. After that the requests that wait for it fail.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("no answer within {} s", READ_LIMIT.as_secs())]
    TimedOut,
    #[error("the database was restored to an earlier state")]
    Older,
}

/// Reads the log whenever a request waits for it.
pub(super) struct Reader {
    pub(super) requests: Arc<WaitingRequests>,
    pub(super) database: Database,
    pub(super) continuity: Continuity,
    pub(super) clock: SharedClock,
    pub(super) counters: Arc<Counters>,
}

impl Reader {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut last_succeeded = true;
        loop {
            let next = self.requests.next_read();
            let is_due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => break,
                // Not when the read is due already. Otherwise a steady stream of requests would delay it without end.
                () = self.requests.changed(), if next.is_none_or(|at| tokio::time::Instant::now() < at) => continue,
                () = is_due => {}
            }
            last_succeeded = background::step(self.read(last_succeeded)).await.unwrap_or(false);
        }
        self.requests.close();
    }

    /// Reads once. Returns whether the read succeeded. A panic drops the requests that wait for this read, and they fail.
    async fn read(&self, last_succeeded: bool) -> bool {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now_seconds();
        let read = self.requests.start_read(now);
        match self.read_newest(read.anchor.clone(), now).await {
            Ok(reading) => {
                self.requests.read_succeeded(read, reading, now);
                if !last_succeeded {
                    tracing::info!("revocation.feed.read_again");
                }
                true
            }
            Err(error) => {
                self.requests.read_failed(read);
                if last_succeeded {
                    tracing::warn!(%error, "revocation.feed.unread");
                }
                false
            }
        }
    }

    /// Reads the facts after the anchor. Without an anchor, or if it has changed, reads the newest facts. All in one snapshot of
    /// the primary that starts after this call. A log that ends before what is known is not answered with: it says of
    /// nothing that was lost that it is revoked.
    async fn read_newest(&self, anchor: Option<Anchor>, now: i64) -> Result<LogReading, ReadError> {
        let known = self.continuity.begin();
        let reading = self.database.snapshot(move |conn| read_in(conn, anchor.as_ref(), now));
        let reading = tokio::time::timeout(READ_LIMIT, reading).await.map_err(|_| ReadError::TimedOut)?;
        let (end, reading) = reading?;
        if self.continuity.end(&known, &end) == Shown::Older { Err(ReadError::Older) } else { Ok(reading) }
    }
}

fn read_in(
    conn: &mut DbConnection,
    anchor: Option<&Anchor>,
    now: i64,
) -> Result<(LogEnd, LogReading), DatabaseError> {
    let capacity = i64::try_from(CAPACITY).unwrap_or(i64::MAX);
    let end = LogEnd::read(conn)?;
    if let Some(anchor) = anchor.filter(|anchor| *anchor.epoch == *end.database && end.seq >= anchor.last_seq)
    {
        let anchor_seq = anchor.fact.seq;
        let mut page = revocations::page(conn, anchor_seq - 1, Some(end.seq), now, capacity + 1)?;
        // If there are more facts than fit in memory, it is as fast to read the newest ones.
        if page.is_last(capacity + 1) && page.facts.first() == Some(&*anchor.fact) {
            page.facts.remove(0);
            return Ok((end, LogReading::Continuation { anchor: anchor_seq, page }));
        }
    }
    let (epoch, page) = (end.database.clone(), revocations::newest(conn, now, capacity)?);
    Ok((end, LogReading::Newest { epoch, page }))
}

/// Reads a page of a part of the log that is older than the facts in memory. Also returns the database's id.
pub(super) async fn read_page(
    database: &Database,
    range: &LogRange,
    now: i64,
) -> Result<(String, LogPage), ReadError> {
    let (after, up_to, limit) = (range.after, range.up_to, i64::try_from(PAGE_ENTRIES).unwrap_or(i64::MAX));
    let reading = database.snapshot(move |conn| {
        let page = revocations::page(conn, after, Some(up_to), now, limit)?;
        Ok::<_, DatabaseError>((LogEnd::read(conn)?.database, page))
    });
    Ok(tokio::time::timeout(READ_LIMIT, reading).await.map_err(|_| ReadError::TimedOut)??)
}

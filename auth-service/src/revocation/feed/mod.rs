//! The feed: the revocation list over HTTP, for verifiers without Redis. One reader of the log answers all followers.
//!
//! # When a response may say `complete`
//!
//! A complete response makes a verifier current *as of the moment at which it sent the request* (`docs/revocation.md`). So
//! a response may say `complete` only by a read of the log that started after the request came in. Reads are shared by many
//! requests, and the rule holds for each of them:
//!
//! 1. A request gets a number when it comes in, under a lock. A read notes the next number under the same lock, before it
//!    asks the database for anything. So it started after all requests with lower numbers had come in, and it answers only
//!    those ([`waiting`]). A request that comes in during a read waits for the next one.
//! 2. The read's snapshot of the primary starts later still. The log is in the order of commits, so the snapshot has every
//!    fact whose commit was confirmed before the request was sent.
//! 3. The facts in memory ([`recent`]) are then those that the read found: all facts after its floor. A read requests only
//!    the newest fact that is known (the anchor) and the facts after it. If the anchor has changed, the database was
//!    restored, and the newest facts are read anew. The same happens if the database has another id, if the end of the log
//!    is lower than before, or if the clock was set back. So the facts in memory are always a part of the current log,
//!    never a mixture of two logs.
//! 4. Between the read and the response, the facts in memory can only be replaced by those of a later read, which is as
//!    good.
//! 5. For a cursor below the floor, the log is read up to the floor, in pages that may be older than the request
//!    ([`older`]). Such a page is never `complete`. It ends with a cursor, and the facts after that cursor are in memory.
//!    The log up to the floor is unchanged as long as the anchor is; when the anchor has changed, no earlier page is sent
//!    any more.
//! 6. A request that is held (`wait`) is answered by a later read, or at the end of its time if a read that started after it
//!    came in has succeeded. Otherwise it requests one.
//! 7. If a read fails, the requests that waited for it get 503. The next request causes a new read. A read of a log that ends
//!    before what is known of it ([`super::continuity`]) counts as failed.
//!
//! A cursor beyond the end of the log, or of another database, gets 410: the follower starts again and keeps the facts that
//! it has. The model in `shared-claims/tests/revocation_model` tries every interleaving of this, and finds the violation if a
//! request is answered by a read that started before it.
//!
//! # Costs
//!
//! While a request waits, the log is read every 25 ms, and at once when this replica commits a fact. With many followers,
//! several facts are sent in one response ([`pause`]). Followers with the same cursor share one rendered page, plain and
//! compressed ([`page`]). The feed has two database connections of its own, one of them for older pages, and a limit on the
//! number of open requests.

mod older;
mod page;
mod pause;
mod reader;
mod recent;
#[cfg(test)]
mod tests;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use shared_claims::issuer::contract::MAX_FEED_WAIT_S;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::older::OlderPages;
use self::page::PageRenderer;
pub use self::page::{FeedPage, RenderedPage};
use self::reader::Reader;
use self::recent::Cursor;
pub use self::recent::UnusableCursor;
use self::waiting::{FoundPage, ReadFailed, WaitingRequests};
use super::continuity::Continuity;

/// The longest time for which a request may be held.
pub const LONGEST_WAIT: Duration = Duration::from_secs(MAX_FEED_WAIT_S);

/// The number of database connections that the feed uses.
const CONNECTIONS: u32 = 2;

/// Why the feed cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The cursor does not belong to this list: 410.
    #[error(transparent)]
    Cursor(#[from] UnusableCursor),
    /// The log cannot be read now: 503.
    #[error("the revocation log could not be read")]
    ReadFailed,
    /// The limit of open requests is reached: 503.
    #[error("revocation.feed_followers requests to the feed are open")]
    TooManyFollowers,
    /// Clients are slow to receive their responses, so that there is no memory for another one: 503.
    #[error("responses of the feed that clients have not received yet use all of their memory")]
    NoMemory,
}

impl From<ReadFailed> for FeedError {
    fn from(_: ReadFailed) -> Self {
        Self::ReadFailed
    }
}

/// Counters since the start.
#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    answers: AtomicU64,
}

/// The state of the feed, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    /// The number of open requests.
    pub followers: usize,
    /// The number of reads of the log that were started.
    pub reads: u64,
    /// The number of requests that were answered with a page.
    pub answers: u64,
    /// How long ago the last successful read started; zero before the first one.
    pub read_age: Duration,
}

/// The feed of this process. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    requests: Arc<WaitingRequests>,
    older: OlderPages,
    renderer: PageRenderer,
    clock: SharedClock,
    counters: Arc<Counters>,
    open_requests: Arc<Semaphore>,
    limit: usize,
    stop: watch::Sender<bool>,
    reader: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Feed {
    /// Starts the reader, with database connections of its own. At most `limit` requests are open at the same time.
    pub async fn start(
        database: &Database,
        continuity: Continuity,
        limit: usize,
        clock: SharedClock,
    ) -> Result<Self, DatabaseError> {
        let database = database.with_separate_readers(CONNECTIONS).await?;
        let (requests, counters) = (Arc::<WaitingRequests>::default(), Arc::<Counters>::default());
        let (stop, stopped) = watch::channel(false);
        let reader = Reader {
            requests: Arc::clone(&requests),
            database: database.clone(),
            continuity,
            clock: clock.clone(),
            counters: Arc::clone(&counters),
        };
        let reader = std::sync::Mutex::new(Some(tokio::spawn(reader.run(stopped))));
        let older = OlderPages::new(database, clock.clone(), Arc::clone(&counters));
        let open_requests = Arc::new(Semaphore::new(limit));
        let renderer = PageRenderer::default();
        Ok(Self {
            inner: Arc::new(Inner {
                requests,
                older,
                renderer,
                clock,
                counters,
                open_requests,
                limit,
                stop,
                reader,
            }),
        })
    }

    /// The facts that were committed after the cursor (without a cursor: all live facts), as of a read that starts after
    /// this call. If there are none, it waits for news, but at most for `wait`.
    pub async fn read(&self, cursor: Option<&str>, wait: Duration) -> Result<Arc<RenderedPage>, FeedError> {
        let _open = self.open_request()?;
        let mut cursor = cursor.map_or(Ok(Cursor::BEGINNING), Cursor::parse)?;
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        let page = loop {
            let held_until = (Instant::now() < until).then_some(until);
            self.inner.requests.wait(&cursor, held_until).await?;
            match self.inner.requests.find(&cursor, self.inner.clock.now_seconds()).ok_or(ReadFailed)? {
                FoundPage::CursorGone => return Err(UnusableCursor.into()),
                FoundPage::InMemory(page) if page.content().reached == cursor.seq && self.may_hold(until) => {
                }
                FoundPage::InMemory(page) => break page,
                FoundPage::InLog(range) => {
                    let page = self.inner.older.find(range).await.ok_or(ReadFailed)?;
                    if !page.content().facts.is_empty() {
                        break page;
                    }
                    // All facts of this page have expired. Those after it are in memory.
                    cursor.seq = page.content().reached;
                }
            }
        };
        let rendered = self.inner.renderer.render(&page).await.ok_or(FeedError::NoMemory)?;
        self.inner.counters.answers.fetch_add(1, Ordering::Relaxed);
        Ok(rendered)
    }

    fn may_hold(&self, until: Instant) -> bool {
        Instant::now() < until && !self.inner.requests.is_stopping()
    }

    fn open_request(&self) -> Result<OwnedSemaphorePermit, FeedError> {
        Arc::clone(&self.inner.open_requests).try_acquire_owned().map_err(|_| FeedError::TooManyFollowers)
    }

    /// Reports a fact that this replica has committed, so that it is read at once.
    pub(super) fn announce(&self, seq: i64) {
        self.inner.requests.announce(seq);
    }

    /// Answers the held requests, and holds no further ones. For a server that is about to stop.
    pub fn answer_waiting(&self) {
        self.inner.requests.stop_holding();
    }

    /// The current state.
    pub fn status(&self) -> FeedStatus {
        let inner = &self.inner;
        FeedStatus {
            followers: inner.limit.saturating_sub(inner.open_requests.available_permits()),
            reads: inner.counters.reads.load(Ordering::Relaxed),
            answers: inner.counters.answers.load(Ordering::Relaxed),
            read_age: inner.requests.read_at().map_or(Duration::ZERO, |at| at.elapsed()),
        }
    }

    /// Stops the reader. Requests that wait for it fail.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        let reader = self.inner.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(reader) = reader {
            // An error means that the task panicked, which was logged already.
            let _ = reader.await;
        }
    }
}

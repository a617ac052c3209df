//! The feed: the list over HTTP, for verifiers without Redis. One reader of the log answers all of them.
//!
//! # What a follower is told, and why it is true
//!
//! A complete answer makes a verifier current *as of when it sent the request* (`docs/revocation.md`). So an answer may say
//! `complete` only by a read of the log that began after the request came in. It holds for reads that are shared:
//!
//! 1. A request takes a number when it comes in, under the desk's lock. A read notes, under the same lock and before it
//!    asks the database for anything, the next number to be given: so it began after all requests with lower numbers had come
//!    in, and it answers those alone ([`desk`]). Whoever comes in while a read is in flight waits for the next one.
//! 2. Its snapshot of the primary begins later still. Places in the log are in the order of commits, so it shows every fact
//!    whose commit was answered before the request was sent.
//! 3. Memory is then what that read found ([`memory`]): all facts behind its floor. A read asks only for what is behind
//!    the newest fact that it knows (the anchor), and for that fact itself. If the fact is not there as it was, the database
//!    was restored, and memory is read anew; likewise with another id of the database, an end of the log that fell, or a clock
//!    that was set back. So memory is always a part of the log as it stands, never a mixture of two.
//! 4. Between the read and the answer memory may be replaced, by a later read only: that is as good.
//! 5. Behind a cursor below the floor, facts are read from the log up to the floor, in pages, which may be older than the
//!    request ([`pages`]). Such a page is never `complete`; its end is a cursor, behind which memory has the rest. The log up to
//!    the floor stands as it was as long as the anchor does; once it does not, pages of before are given to nobody.
//! 6. A request that is held (`wait`) is answered by a later look, or at the end of its time, if a read that began after it
//!    came in has succeeded since; otherwise it asks for one.
//! 7. A read that fails answers those who waited for it with 503, and concludes nothing. The next request causes a new one.
//!
//! A cursor beyond the log's end, or of another database, is 410: the follower begins again and keeps what it knows. The
//! model in `shared-claims/tests/revocation_model` tries every interleaving of this, and finds the violation when a request is
//! answered by a read that began before it.
//!
//! # What it costs
//!
//! While somebody waits, the log is looked at every 25 ms, and at once when this replica commits; where many wait, news are
//! gathered ([`pace`]). Followers with the same cursor share one rendered answer, plain and compressed ([`answer`]). Reads
//! have two connections of their own, one of them for pages; requests have a bound of their own.

mod answer;
mod counts;
mod cursor;
mod desk;
mod drafts;
mod log;
mod memory;
mod pace;
mod pages;
mod reader;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use shared_claims::issuer::contract::MAX_FEED_WAIT_S;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::answer::Renderer;
pub use self::answer::{FeedPage, Rendered};
use self::counts::Counts;
pub use self::counts::FeedStatus;
use self::cursor::Cursor;
pub use self::cursor::UnusableCursor;
use self::desk::{Desk, Found, Unread};
use self::pages::Pages;
use self::reader::Reader;

/// The longest that a request may be held.
pub const LONGEST_WAIT: Duration = Duration::from_secs(MAX_FEED_WAIT_S);

/// The database connections of all followers together.
const CONNECTIONS: u32 = 2;

/// Why the feed cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The cursor is none of this list's: 410.
    #[error(transparent)]
    Cursor(#[from] UnusableCursor),
    /// The log cannot be read now: 503.
    #[error("the revocation log could not be read")]
    Unread,
    /// There are as many requests as are allowed: 503.
    #[error("revocation.feed_followers requests to the feed are open")]
    TooManyFollowers,
    /// So much is being sent to clients that are slow to take it that there is no room for another answer: 503.
    #[error("answers of the feed that are not taken fill their share of memory")]
    NoRoom,
}

impl From<Unread> for FeedError {
    fn from(_: Unread) -> Self {
        Self::Unread
    }
}

/// The feed of this process. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    pages: Pages,
    renderer: Renderer,
    clock: SharedClock,
    counts: Arc<Counts>,
    places: Arc<Semaphore>,
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
    /// Starts the reader, on connections of its own; at most `limit` requests are open at a time.
    pub async fn start(database: &Database, limit: usize, clock: SharedClock) -> Result<Self, DatabaseError> {
        let database = database.with_separate_readers(CONNECTIONS).await?;
        let (desk, counts) = (Arc::<Desk>::default(), Arc::<Counts>::default());
        let (stop, stopped) = watch::channel(false);
        let reader = Reader {
            desk: Arc::clone(&desk),
            database: database.clone(),
            clock: clock.clone(),
            counts: Arc::clone(&counts),
        };
        let reader = std::sync::Mutex::new(Some(tokio::spawn(reader.run(stopped))));
        let pages = Pages::new(database, clock.clone(), Arc::clone(&counts));
        let places = Arc::new(Semaphore::new(limit));
        let renderer = Renderer::default();
        Ok(Self {
            inner: Arc::new(Inner { desk, pages, renderer, clock, counts, places, limit, stop, reader }),
        })
    }

    /// What was committed behind the cursor (all that counts, without one), as of a read that begins after this call.
    /// Where there is nothing it waits for news, at most for `wait`.
    pub async fn read(&self, cursor: Option<&str>, wait: Duration) -> Result<Arc<Rendered>, FeedError> {
        let _place = self.enter()?;
        let mut cursor = cursor.map_or(Ok(Cursor::BEGINNING), Cursor::parse)?;
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        let draft = loop {
            let held_until = (Instant::now() < until).then_some(until);
            self.inner.desk.read(&cursor, held_until).await?;
            match self.inner.desk.find(&cursor, self.inner.clock.now_seconds()).ok_or(Unread)? {
                Found::Elsewhere => return Err(UnusableCursor.into()),
                Found::Within(draft) if draft.portion().reached == cursor.seq && self.is_to_wait(until) => {}
                Found::Within(draft) => break draft,
                Found::Older(stretch) => {
                    let page = self.inner.pages.find(stretch).await.ok_or(Unread)?;
                    if !page.portion().facts.is_empty() {
                        break page;
                    }
                    // All of it has expired: memory has what is behind its end.
                    cursor.seq = page.portion().reached;
                }
            }
        };
        let rendered = self.inner.renderer.render(&draft).await.ok_or(FeedError::NoRoom)?;
        self.inner.counts.answers.fetch_add(1, Ordering::Relaxed);
        Ok(rendered)
    }

    fn is_to_wait(&self, until: Instant) -> bool {
        Instant::now() < until && !self.inner.desk.is_stopping()
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, FeedError> {
        Arc::clone(&self.inner.places).try_acquire_owned().map_err(|_| FeedError::TooManyFollowers)
    }

    /// What this replica committed need not be looked for.
    pub(super) fn announce(&self, seq: i64) {
        self.inner.desk.announce(seq);
    }

    /// Answers the requests that are held, and those to come at once: for a server that is to end soon.
    pub fn answer_waiting(&self) {
        self.inner.desk.stop_holding();
    }

    /// How it stands.
    pub fn status(&self) -> FeedStatus {
        let inner = &self.inner;
        FeedStatus {
            followers: inner.limit.saturating_sub(inner.places.available_permits()),
            reads: inner.counts.reads.load(Ordering::Relaxed),
            answers: inner.counts.answers.load(Ordering::Relaxed),
            read_age: inner.desk.read_at().map_or(Duration::ZERO, |at| at.elapsed()),
        }
    }

    /// Ends the reader; requests that wait for it fail.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        let reader = self.inner.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(reader) = reader {
            // Only a panic makes this an error, and that was logged where it happened.
            let _ = reader.await;
        }
    }
}

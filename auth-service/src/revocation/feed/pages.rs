//! Pages behind cursors that memory does not reach back to: read once for all who ask for the same.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answer::Draft;
use super::counts::Counts;
use super::log;
use super::memory::{PAGE, Portion, Stretch};

/// How long a request waits for its page.
const PAGE_LIMIT: Duration = Duration::from_secs(5);

/// How long a page serves. The part of the log that it shows changes by expiry only.
const KEEP: Duration = Duration::from_secs(5);

/// The most pages kept: they take a third of the room for answers.
const MOST: usize = 16;

/// `None` when it could not be read.
type Reading = Shared<BoxFuture<'static, Option<Arc<Draft>>>>;

/// Reads one page at a time, so that the reader always finds a connection.
#[derive(Clone)]
pub(super) struct Pages {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: SharedClock,
    counts: Arc<Counts>,
    turn: Semaphore,
    kept: Mutex<HashMap<Key, (Instant, Reading)>>,
}

/// The life of memory and the place. After a restored database memory has another life, so no page of before is given out.
type Key = (u64, i64);

impl Pages {
    pub(super) fn new(database: Database, clock: SharedClock, counts: Arc<Counts>) -> Self {
        let inner = Inner { database, clock, counts, turn: Semaphore::new(1), kept: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The first page of that part of the log; `None` when it cannot be read in time. It may have been read before this call,
    /// so it never claims to be complete.
    pub(super) async fn find(&self, stretch: Stretch) -> Option<Arc<Draft>> {
        let key = (stretch.life, stretch.after);
        let reading = self.inner.reading(key, stretch);
        let page = tokio::time::timeout(PAGE_LIMIT, reading.clone()).await.ok().flatten();
        if page.is_none() {
            self.inner.forget(key, &reading);
        }
        page
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Reading)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(self: &Arc<Self>, key: Key, stretch: Stretch) -> Reading {
        let now = Instant::now();
        let mut kept = self.lock();
        if let Some((since, reading)) = kept.get(&key)
            && now < *since + KEEP
        {
            return reading.clone();
        }
        kept.retain(|_, (since, _)| now < *since + KEEP);
        if kept.len() >= MOST
            && let Some(oldest) = kept.iter().min_by_key(|(_, (since, _))| *since).map(|(key, _)| *key)
        {
            kept.remove(&oldest);
        }
        let this = Arc::clone(self);
        // A task of its own: whoever asked first may hang up.
        let task = tokio::spawn(async move { this.read(stretch).await });
        let reading = async move { task.await.ok().flatten() }.boxed().shared();
        kept.insert(key, (now, reading.clone()));
        reading
    }

    async fn read(&self, stretch: Stretch) -> Option<Arc<Draft>> {
        let _turn = tokio::time::timeout(PAGE_LIMIT, self.turn.acquire()).await.ok()?.ok()?;
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        let read = log::read_page(&self.database, &stretch, self.clock.now_seconds()).await;
        let read = read.inspect_err(|error| tracing::debug!(%error, "revocation.feed.page_unread"));
        // Another database may have come in between; the reader's next read shows it.
        let (_, page) = read.ok().filter(|(epoch, _)| **epoch == *stretch.epoch)?;
        let reached = if page.facts.len() < PAGE { stretch.up_to } else { page.last_read(stretch.after) };
        let facts = page.facts.into_iter().map(Arc::new).collect();
        Some(Draft::new(Portion { epoch: stretch.epoch, reached, complete: false, facts }))
    }

    /// The next request causes a new read, also where this one hangs.
    fn forget(&self, key: Key, failed: &Reading) {
        let mut kept = self.lock();
        if kept.get(&key).is_some_and(|(_, reading)| reading.ptr_eq(failed)) {
            kept.remove(&key);
        }
    }
}

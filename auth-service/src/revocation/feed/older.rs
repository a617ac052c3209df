//! Pages that are older than the facts in memory: each is read once for all followers that need it.

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

use super::Counters;
use super::page::LazyPage;
use super::reader;
use super::recent::{LogRange, PAGE_ENTRIES, PageContent};

/// How long a request waits for its page.
const PAGE_LIMIT: Duration = Duration::from_secs(5);

/// How long a page is kept. The part of the log that it shows changes only by expiry.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// The most pages that are kept: they take a third of the memory for rendered pages.
const MOST_PAGES: usize = 16;

/// A read that several requests wait for. Its result is `None` if the page could not be read.
type PageRead = Shared<BoxFuture<'static, Option<Arc<LazyPage>>>>;

/// Reads one page at a time, so that the reader of the newest facts always finds a free connection.
#[derive(Clone)]
pub(super) struct OlderPages {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: SharedClock,
    counters: Arc<Counters>,
    one_at_a_time: Semaphore,
    reads: Mutex<HashMap<Key, (Instant, PageRead)>>,
}

/// The generation of the facts in memory, and the sequence number after which the page starts. After a database was
/// restored the generation is another one, so no page of the former log is sent.
type Key = (u64, i64);

impl OlderPages {
    pub(super) fn new(database: Database, clock: SharedClock, counters: Arc<Counters>) -> Self {
        let inner =
            Inner { database, clock, counters, one_at_a_time: Semaphore::new(1), reads: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The first page of this part of the log; `None` if it cannot be read in time. It may have been read before this call,
    /// so it never says that it is complete.
    pub(super) async fn find(&self, range: LogRange) -> Option<Arc<LazyPage>> {
        let key = (range.generation, range.after);
        let read = self.inner.start_or_join(key, range);
        let page = tokio::time::timeout(PAGE_LIMIT, read.clone()).await.ok().flatten();
        if page.is_none() {
            self.inner.forget(key, &read);
        }
        page
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Instant, PageRead)>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The read of this page that another request has started, or a new one.
    fn start_or_join(self: &Arc<Self>, key: Key, range: LogRange) -> PageRead {
        let now = Instant::now();
        let mut reads = self.lock();
        if let Some((since, read)) = reads.get(&key)
            && now < *since + KEPT_FOR
        {
            return read.clone();
        }
        reads.retain(|_, (since, _)| now < *since + KEPT_FOR);
        if reads.len() >= MOST_PAGES
            && let Some(oldest) = reads.iter().min_by_key(|(_, (since, _))| *since).map(|(key, _)| *key)
        {
            reads.remove(&oldest);
        }
        let this = Arc::clone(self);
        // A task of its own, so that the read goes on if the request that started it ends.
        let task = tokio::spawn(async move { this.read(range).await });
        let read = async move { task.await.ok().flatten() }.boxed().shared();
        reads.insert(key, (now, read.clone()));
        read
    }

    async fn read(&self, range: LogRange) -> Option<Arc<LazyPage>> {
        let _turn = tokio::time::timeout(PAGE_LIMIT, self.one_at_a_time.acquire()).await.ok()?.ok()?;
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        let read = reader::read_page(&self.database, &range, self.clock.now_seconds()).await;
        let read = read.inspect_err(|error| tracing::debug!(%error, "revocation.feed.page_unread"));
        // The database may have been replaced in the meantime. The reader's next read notices it.
        let (_, page) = read.ok().filter(|(epoch, _)| **epoch == *range.epoch)?;
        let reached = if page.facts.len() < PAGE_ENTRIES { range.up_to } else { page.last_read(range.after) };
        let facts = page.facts.into_iter().map(Arc::new).collect();
        Some(LazyPage::new(PageContent { epoch: range.epoch, reached, complete: false, facts }))
    }

    /// Forgets a read that failed or hangs, so that the next request starts a new one.
    fn forget(&self, key: Key, failed: &PageRead) {
        let mut reads = self.lock();
        if reads.get(&key).is_some_and(|(_, read)| read.ptr_eq(failed)) {
            reads.remove(&key);
        }
    }
}

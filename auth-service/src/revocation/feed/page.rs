//! Pages of the feed: each is rendered and compressed once for all followers that get the same one.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use shared_claims::revocation::RevocationFact;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use super::recent::{Cursor, PAGE_ENTRIES, PageContent};

/// The memory for rendered pages, KiB. It includes pages that clients are still receiving.
const BUDGET_KIB: usize = 64 * 1024;

/// An upper bound for the size of an entry together with its share of the compressed page, bytes.
const ENTRY_BYTES: usize = 256;

/// How long a page waits for memory in the budget.
const BUDGET_LIMIT: Duration = Duration::from_secs(2);

/// A page with at least this many entries is rendered on a thread for blocking work.
const MANY_ENTRIES: usize = 64;

/// The most entries of all cached pages together.
const CACHED_ENTRIES: usize = 10 * PAGE_ENTRIES;

/// How long a page is cached, seconds. For so long after its expiry a fact may still be in a response.
const CACHED_S: u64 = 10;

/// The body of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FeedPage {
    /// The database's own id: a list with another epoch is another list.
    pub epoch: String,
    /// Where the next request goes on.
    pub cursor: String,
    /// False while more is there already.
    pub complete: bool,
    /// The facts, in the order of commits.
    #[schema(value_type = Vec<Object>)]
    pub entries: Vec<RevocationFact>,
}

/// A page in both forms in which it is sent.
#[derive(Debug)]
pub struct RenderedPage {
    plain: Vec<u8>,
    gzip: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

/// One of the two forms (`true`: compressed). The page keeps its memory in the budget until the last byte of both is sent.
struct Body(Arc<RenderedPage>, bool);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        if self.1 { &self.0.gzip } else { &self.0.plain }
    }
}

impl RenderedPage {
    /// The JSON of a [`FeedPage`].
    pub fn plain(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Body(Arc::clone(self), false))
    }

    /// The same, compressed (RFC 1952).
    pub fn gzip(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Body(Arc::clone(self), true))
    }
}

/// Renders pages within a budget of memory.
#[derive(Clone, Debug)]
pub(super) struct PageRenderer(Arc<Semaphore>);

impl Default for PageRenderer {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

/// A page that is rendered when the first follower needs it.
#[derive(Debug)]
pub(super) struct LazyPage {
    content: PageContent,
    rendered: OnceCell<Arc<RenderedPage>>,
}

impl LazyPage {
    pub(super) fn new(content: PageContent) -> Arc<Self> {
        Arc::new(Self { content, rendered: OnceCell::new() })
    }

    pub(super) fn content(&self) -> &PageContent {
        &self.content
    }
}

impl PageRenderer {
    /// The rendered page; `None` if there is not enough memory in time.
    pub(super) async fn render(&self, page: &Arc<LazyPage>) -> Option<Arc<RenderedPage>> {
        let rendered = page.rendered.get_or_try_init(|| async {
            let entries = page.content.facts.len();
            let kib = u32::try_from((entries * ENTRY_BYTES).div_ceil(1024) + 1).unwrap_or(u32::MAX);
            let memory = Arc::clone(&self.0).acquire_many_owned(kib);
            let memory =
                tokio::time::timeout(BUDGET_LIMIT, memory).await.ok().and_then(Result::ok).ok_or(())?;
            if entries < MANY_ENTRIES {
                return Ok(Arc::new(rendered(&page.content, memory)));
            }
            let page = Arc::clone(page);
            let rendering = tokio::task::spawn_blocking(move || rendered(&page.content, memory));
            rendering.await.map(Arc::new).map_err(|_panic| ())
        });
        rendered.await.ok().cloned()
    }
}

fn rendered(content: &PageContent, memory: OwnedSemaphorePermit) -> RenderedPage {
    let page = FeedPage {
        epoch: content.epoch.to_string(),
        cursor: Cursor::render(&content.epoch, content.reached),
        complete: content.complete,
        entries: content.facts.iter().map(|fact| fact.fact.clone()).collect(),
    };
    // Neither call fails: a page has no maps, and writing to memory always succeeds.
    let plain = serde_json::to_vec(&page).unwrap_or_default();
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    let written = encoder.write_all(&plain);
    let gzip = written.and_then(|()| encoder.finish()).unwrap_or_default();
    RenderedPage { plain, gzip, _memory: memory }
}

/// Pages of one state of the log, by the sequence number after which they start.
#[derive(Debug, Default)]
pub(super) struct PageCache {
    pages: HashMap<i64, (i64, Arc<LazyPage>)>,
    entries: usize,
}

impl PageCache {
    pub(super) fn find(&self, after: i64, now: i64) -> Option<Arc<LazyPage>> {
        let (made_at, page) = self.pages.get(&after)?;
        (made_at.abs_diff(now) < CACHED_S).then(|| Arc::clone(page))
    }

    pub(super) fn insert(&mut self, after: i64, now: i64, page: &Arc<LazyPage>) {
        let size = |page: &LazyPage| page.content().facts.len() + 1;
        self.entries += size(page);
        if self.entries > CACHED_ENTRIES {
            // Requests that are being answered keep their pages.
            self.pages.clear();
            self.entries = size(page);
        }
        self.pages.insert(after, (now, Arc::clone(page)));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::FutureExt as _;
    use shared_claims::revocation::RevocationKind;

    use super::*;
    use crate::storage::revocations::SequencedFact;

    fn page(entries: i64) -> Arc<LazyPage> {
        let fact = |seq| RevocationFact {
            kind: RevocationKind::Sub,
            id: uuid::Uuid::from_u128(1).to_string(),
            at: Some(seq),
            exp: 2,
        };
        let facts = (1..=entries).map(|seq| Arc::new(SequencedFact { seq, fact: fact(seq) })).collect();
        LazyPage::new(PageContent { epoch: "e".into(), reached: entries, complete: true, facts })
    }

    #[tokio::test]
    async fn both_forms_have_the_same_content_and_are_rendered_once() {
        for entries in [0, 3, 200] {
            let (renderer, lazy) = (PageRenderer::default(), page(entries));
            let one = renderer.render(&lazy).await.unwrap();
            assert!(Arc::ptr_eq(&one, &renderer.render(&lazy).await.unwrap()));
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&one.gzip()[..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, one.plain());
            let json: serde_json::Value = serde_json::from_slice(&unpacked).unwrap();
            assert_eq!(json["cursor"], format!("e.{entries}"));
            assert_eq!(i64::try_from(json["entries"].as_array().unwrap().len()), Ok(entries));
            let bytes = usize::try_from(entries).unwrap() * ENTRY_BYTES + 1024;
            assert!(one.plain().len() + one.gzip().len() <= bytes);
        }
    }

    #[tokio::test]
    async fn pages_that_are_not_sent_yet_keep_their_memory() {
        let renderer = PageRenderer(Arc::new(Semaphore::new(2)));
        let body = renderer.render(&page(3)).await.unwrap().plain();
        let other = page(3);
        assert!(renderer.render(&other).now_or_never().is_none(), "the budget of two KiB is used");
        drop(body);
        assert!(renderer.render(&other).await.is_some());
    }
}

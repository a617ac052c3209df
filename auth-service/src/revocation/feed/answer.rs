//! Answers, rendered and compressed once for all who get the same.

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

use super::cursor::Cursor;
use super::memory::Portion;

/// Rendered answers that exist at a time, KiB: also those that a client is slow to take.
const BUDGET_KIB: usize = 64 * 1024;

/// An entry and its share of the compressed answer are not longer, bytes.
const ENTRY_BYTES: usize = 256;

/// How long an answer waits for room in the budget.
const ROOM_LIMIT: Duration = Duration::from_secs(2);

/// From so many entries on an answer is rendered beside the async workers.
const MANY: usize = 64;

/// An answer of the feed.
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

/// An answer as it is sent.
#[derive(Debug)]
pub struct Rendered {
    plain: Vec<u8>,
    gzip: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// One of the two forms. Its bytes keep the place in the budget until the last of them is sent.
struct Form(Arc<Rendered>, bool);

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        if self.1 { &self.0.gzip } else { &self.0.plain }
    }
}

impl Rendered {
    /// The JSON of a [`FeedPage`].
    pub fn plain(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Form(Arc::clone(self), false))
    }

    /// The same, compressed (RFC 1952).
    pub fn gzip(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Form(Arc::clone(self), true))
    }
}

/// Renders answers within a budget of memory.
#[derive(Clone, Debug)]
pub(super) struct Renderer(Arc<Semaphore>);

impl Default for Renderer {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

/// An answer that is rendered when the first one asks for it.
#[derive(Debug)]
pub(super) struct Draft {
    portion: Portion,
    rendered: OnceCell<Arc<Rendered>>,
}

impl Draft {
    pub(super) fn new(portion: Portion) -> Arc<Self> {
        Arc::new(Self { portion, rendered: OnceCell::new() })
    }

    pub(super) fn portion(&self) -> &Portion {
        &self.portion
    }
}

impl Renderer {
    /// The answer; `None` when there is no room for it in time.
    pub(super) async fn render(&self, draft: &Arc<Draft>) -> Option<Arc<Rendered>> {
        let rendered = draft.rendered.get_or_try_init(|| async {
            let entries = draft.portion.facts.len();
            let room = u32::try_from((entries * ENTRY_BYTES).div_ceil(1024) + 1).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.0).acquire_many_owned(room);
            let room = tokio::time::timeout(ROOM_LIMIT, room).await.ok().and_then(Result::ok).ok_or(())?;
            if entries < MANY {
                return Ok(Arc::new(rendered(&draft.portion, room)));
            }
            let draft = Arc::clone(draft);
            let rendering = tokio::task::spawn_blocking(move || rendered(&draft.portion, room));
            rendering.await.map(Arc::new).map_err(|_panic| ())
        });
        rendered.await.ok().cloned()
    }
}

fn rendered(portion: &Portion, room: OwnedSemaphorePermit) -> Rendered {
    let page = FeedPage {
        epoch: portion.epoch.to_string(),
        cursor: Cursor::render(&portion.epoch, portion.reached),
        complete: portion.complete,
        entries: portion.facts.iter().map(|fact| fact.fact.clone()).collect(),
    };
    // Neither fails: a page has no maps, and memory takes every byte.
    let plain = serde_json::to_vec(&page).unwrap_or_default();
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    let written = encoder.write_all(&plain);
    let gzip = written.and_then(|()| encoder.finish()).unwrap_or_default();
    Rendered { plain, gzip, _room: room }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::FutureExt as _;
    use shared_claims::revocation::RevocationKind;

    use super::*;
    use crate::storage::revocations::SequencedFact;

    fn draft(entries: i64) -> Arc<Draft> {
        let fact = |seq| RevocationFact {
            kind: RevocationKind::Sub,
            id: uuid::Uuid::from_u128(1).to_string(),
            at: Some(seq),
            exp: 2,
        };
        let facts = (1..=entries).map(|seq| Arc::new(SequencedFact { seq, fact: fact(seq) })).collect();
        Draft::new(Portion { epoch: "e".into(), reached: entries, complete: true, facts })
    }

    #[tokio::test]
    async fn both_forms_say_the_same_and_are_made_once() {
        for entries in [0, 3, 200] {
            let (renderer, draft) = (Renderer::default(), draft(entries));
            let one = renderer.render(&draft).await.unwrap();
            assert!(Arc::ptr_eq(&one, &renderer.render(&draft).await.unwrap()));
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&one.gzip()[..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, one.plain());
            let page: serde_json::Value = serde_json::from_slice(&unpacked).unwrap();
            assert_eq!(page["cursor"], format!("e.{entries}"));
            assert_eq!(i64::try_from(page["entries"].as_array().unwrap().len()), Ok(entries));
            let bytes = usize::try_from(entries).unwrap() * ENTRY_BYTES + 1024;
            assert!(one.plain().len() + one.gzip().len() <= bytes);
        }
    }

    #[tokio::test]
    async fn answers_that_are_not_taken_keep_their_room() {
        let renderer = Renderer(Arc::new(Semaphore::new(2)));
        let body = renderer.render(&draft(3)).await.unwrap().plain();
        let other = draft(3);
        assert!(renderer.render(&other).now_or_never().is_none(), "two KiB were there, and are taken");
        drop(body);
        assert!(renderer.render(&other).await.is_some());
    }
}

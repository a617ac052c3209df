//! Revocation, the writing side: the truth in the database, its projection to Redis, and the feed.
//!
//! A use case appends a fact to the log in the transaction that ends the state, and after the commit the fact is
//! announced ([`crate::storage::UnitOfWork`]). Nothing else has to succeed: what is in the log reaches every verifier,
//! whatever dies in between.

mod admission;
pub mod feed;
mod projector;
mod rebuild;
pub mod redis;
mod shared;
mod status;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::feed::Feed;
use self::projector::Projector;
use self::redis::{RedisError, RevocationList};
use self::shared::Shared;
pub use self::status::{ProjectionState, ProjectionStatus};
use crate::random::Random;
use crate::storage::Announce;

/// How long an answer waits for Redis to have the fact. The fact is durable before.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(1);

/// Where the list is projected to, and for how long one proof of its wholeness counts.
#[derive(Clone, Debug)]
pub struct ProjectionSettings {
    /// The Redis URL. Holds a password, perhaps: never logged.
    pub url: String,
    /// What the keys begin with; a hash tag (`{…}`) keeps them in one slot.
    pub prefix: String,
    /// How long after its proof the list counts as whole.
    pub list_ttl: Duration,
    /// Whether to go on although Redis may evict; evictions are then looked for each second.
    pub allow_eviction: bool,
}

/// Why the projection does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not name a Redis.
    #[error("revocation.redis_url: {0}")]
    Redis(#[from] RedisError),
    /// Redis may drop facts when its memory is full: a revoked token would come back to life.
    #[error(
        "revocation.redis_url: this Redis has a maxmemory and a maxmemory-policy other than noeviction, so it may \
         drop revocations; set `maxmemory-policy noeviction`, or revocation.allow_eviction = true to go on all the same"
    )]
    MayEvict,
    /// Two issuers would replace each other's list for ever, and verifiers would take the one's for the other's.
    #[error(
        "revocation.prefix: another auth-service, with another database, keeps its revocation list in this Redis under \
         this prefix; give this one, and its verifiers, another prefix"
    )]
    ForeignList,
}

/// The handle that use cases and the feed hold.
#[derive(Clone, Debug)]
pub struct Revocations {
    inner: Arc<Inner>,
    feed: Option<Feed>,
}

#[derive(Debug)]
struct Inner {
    projection: Option<Shared>,
    stop: watch::Sender<bool>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Revocations {
    /// Starts the background work: the projection, where a Redis is configured.
    ///
    /// A Redis that cannot be reached does not stop the start; one that may evict, or in which another issuer keeps its list
    /// under the same prefix, does.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        database: Database,
        database_id: String,
        projection: Option<ProjectionSettings>,
        clock: SharedClock,
        random: Random,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut shared = None;
        if let Some(settings) = projection {
            let list = RevocationList::new(&settings.url, &settings.prefix)?;
            let mut projector = Projector::new(database, database_id, list, settings, clock, random);
            projector.refuse_eviction().await?;
            projector.refuse_foreign_list().await?;
            shared = Some(projector.shared());
            tasks.push(tokio::spawn(projector.run(stopped)));
        }
        let tasks = std::sync::Mutex::new(tasks);
        Ok(Self { inner: Arc::new(Inner { projection: shared, stop, tasks }), feed: None })
    }

    /// The same, which tells this feed of each fact.
    #[must_use]
    pub fn with_feed(self, feed: Feed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Tells everybody of a committed fact; waits up to a second for Redis to have it.
    pub async fn announce(&self, seq: i64) {
        if let Some(feed) = &self.feed {
            feed.announce(seq);
        }
        if let Some(projection) = &self.inner.projection {
            // Late is not lost: the fact is committed and the projector goes on with it.
            let _ = tokio::time::timeout(ANNOUNCE_LIMIT, projection.delivered(seq)).await;
        }
    }

    /// How the projection stands; `None` without Redis.
    pub fn status(&self) -> Option<ProjectionStatus> {
        self.inner.projection.as_ref().map(Shared::status)
    }

    /// Ends the background work; requests to the feed are answered.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        let tasks =
            std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for task in tasks {
            // Only a panic makes this an error, and that was logged where it happened.
            let _ = task.await;
        }
        if let Some(feed) = &self.feed {
            feed.stop().await;
        }
    }
}

impl Announce for Revocations {
    fn announce(&self, seq: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.announce(seq))
    }
}

//! Revocation, the writing side: the log of facts in the database, its copy in Redis, and the feed.
//!
//! A use case appends a fact to the log in the transaction that ends the state, and after the commit the fact is
//! announced ([`crate::storage::UnitOfWork`]). Nothing else has to succeed: a fact in the log reaches every verifier, even
//! if processes die in between.

pub mod continuity;
pub mod feed;
mod projector;
mod rebuild;
pub mod redis;
mod status;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::continuity::{Continuity, LogEnd};
use self::feed::Feed;
use self::projector::Projector;
use self::redis::{RedisError, RevocationList};
use self::status::SharedStatus;
pub use self::status::{ProjectionState, ProjectionStatus};
use crate::random::Random;
use crate::storage::{Announce, KnownFact};

/// How long a response waits until Redis has the fact. The fact is durable before.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(1);

/// The interval and the number of checks whether another database's list is being renewed. Together they cover more
/// than two renewals.
const FOREIGN_CHECK_EVERY: Duration = Duration::from_millis(250);
const FOREIGN_CHECKS: usize = 10;

/// Where the list is copied to, and how long it counts as complete after a renewal.
#[derive(Clone, Debug)]
pub struct ProjectionSettings {
    /// The Redis URL. It may hold a password and is never logged.
    pub url: String,
    /// The prefix of the keys. A hash tag (`{…}`) keeps them in one slot of a cluster.
    pub prefix: String,
    /// How long the list counts as complete after a renewal.
    pub list_ttl: Duration,
    /// Whether a Redis that may evict keys is accepted. Evictions are then checked for each second.
    pub allow_eviction: bool,
}

/// Why the projection does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not name a Redis.
    #[error("revocation.redis_url: {0}")]
    Redis(#[from] RedisError),
    /// Redis may evict facts when its memory is full. A revoked token would then be accepted again.
    #[error(
        "revocation.redis_url: this Redis has a maxmemory and a maxmemory-policy other than noeviction, so it may \
         drop revocations; set `maxmemory-policy noeviction`, or revocation.allow_eviction = true to go on all the same"
    )]
    MayEvict,
    /// Another issuer renews a list under the same keys. Both would replace each other's list again and again, and verifiers
    /// would read the wrong one.
    #[error(
        "revocation.prefix: another auth-service, with another database, keeps its revocation list in this Redis under \
         this prefix; give this one, and its verifiers, another prefix"
    )]
    ForeignList,
}

/// The handle to announce facts and to read the projection's status. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Revocations {
    inner: Arc<Inner>,
    feed: Option<Feed>,
}

#[derive(Debug)]
struct Inner {
    continuity: Continuity,
    projection: Option<SharedStatus>,
    stop: watch::Sender<bool>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Revocations {
    /// Starts the projection, if a Redis is configured.
    ///
    /// The start goes on if Redis cannot be reached. It fails if Redis may evict keys, or if another issuer renews its list
    /// there under the same prefix.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        database: Database,
        continuity: Continuity,
        projection: Option<ProjectionSettings>,
        clock: SharedClock,
        random: Random,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut shared = None;
        if let Some(settings) = projection {
            let list = RevocationList::new(&settings.url, &settings.prefix)?;
            let known = (continuity.database(), continuity.clone());
            let world = (clock, random);
            let mut projector = Projector::new(database, known, list, settings, world);
            projector.refuse_eviction().await?;
            projector.refuse_foreign_list().await?;
            projector.look_for_older_database().await;
            shared = Some(projector.shared());
            tasks.push(tokio::spawn(projector.run(stopped)));
        }
        let tasks = std::sync::Mutex::new(tasks);
        Ok(Self { inner: Arc::new(Inner { continuity, projection: shared, stop, tasks }), feed: None })
    }

    /// Also announces each fact to this feed.
    #[must_use]
    pub fn with_feed(self, feed: Feed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Announces a committed fact to the feed and to the projector. Waits up to a second until Redis has it.
    pub async fn announce(&self, seq: i64) {
        self.inner.continuity.committed(seq);
        if let Some(feed) = &self.feed {
            feed.announce(seq);
        }
        if let Some(projection) = &self.inner.projection {
            // A time-out is no failure: the fact is committed, and the projector goes on to deliver it.
            let _ = tokio::time::timeout(ANNOUNCE_LIMIT, projection.deliver(seq)).await;
        }
    }

    /// Whether the database goes on from what this process and Redis know of it.
    pub fn continuity(&self) -> &Continuity {
        &self.inner.continuity
    }

    /// The status of the projection; `None` without Redis.
    pub fn status(&self) -> Option<ProjectionStatus> {
        self.inner.projection.as_ref().map(SharedStatus::status)
    }

    /// Stops the projection and the feed.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        let tasks =
            std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for task in tasks {
            // An error means that the task panicked, which was logged already.
            let _ = task.await;
        }
        if let Some(feed) = &self.feed {
            feed.stop().await;
        }
    }
}

impl Announce for Revocations {
    fn newest_known(&self) -> Pin<Box<dyn Future<Output = Option<KnownFact>> + Send + '_>> {
        Box::pin(async { self.inner.continuity.newest().map(KnownFact::from) })
    }

    fn announce(&self, seq: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.announce(seq))
    }
}

impl From<LogEnd> for KnownFact {
    fn from(LogEnd { database, seq }: LogEnd) -> Self {
        Self { database, seq }
    }
}

/// The newest fact that Redis has, of whichever database. `None` also if Redis does not answer.
pub(crate) async fn newest_delivered(settings: &ProjectionSettings) -> Option<KnownFact> {
    let mut list = RevocationList::new(&settings.url, &settings.prefix).ok()?;
    list.read_state(false).await.ok()?.delivered.map(KnownFact::from)
}

/// The checks at the start, which refuse a Redis in which the revocation list cannot be kept.
impl Projector {
    /// Refuses a Redis that may evict keys, unless the settings allow eviction. If Redis cannot be reached, the start
    /// continues and the projector retries.
    async fn refuse_eviction(&mut self) -> Result<(), StartError> {
        match self.list.read_state(true).await {
            Ok(list) if list.may_evict && !self.settings.allow_eviction => Err(StartError::MayEvict),
            Ok(list) => {
                if list.may_evict {
                    tracing::warn!("revocation.redis.may_evict: revoked tokens may come back to life");
                }
                self.shared.update(|status| status.evicted_keys = list.evicted_keys);
                Ok(())
            }
            Err(error @ RedisError::Url) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "revocation.redis.unavailable: facts stay in the database until it is back");
                Ok(())
            }
        }
    }

    /// Compares the database with what Redis has of it, so that nothing is served from one that was restored to an earlier
    /// state. If either does not answer, the start continues; the first round of the projector compares them.
    async fn look_for_older_database(&mut self) {
        let Ok(list) = self.list.read_state(false).await else { return };
        if let Some(end) = &list.delivered {
            self.continuity.delivered(end);
        }
        let now = self.clock.now_seconds();
        // A failure is found, and logged, by the first round.
        let _ = self.read_page(0, None, now).await;
    }

    /// Refuses a Redis in which another issuer keeps its list under the same keys. Otherwise the verifiers of both
    /// issuers would read the wrong list at times, and each issuer would replace the other's list again and again. A
    /// list that is not renewed was left by a former database, and is replaced.
    async fn refuse_foreign_list(&mut self) -> Result<(), StartError> {
        let mut first = None;
        for _ in 0..FOREIGN_CHECKS {
            // If Redis cannot be reached, the start continues and the projector retries.
            let Ok(list) = self.list.read_state(false).await else { return Ok(()) };
            if !list.is_renewed_by_another(&self.database_id) {
                return Ok(());
            }
            if *first.get_or_insert(list.as_of_ms) != list.as_of_ms {
                return Err(StartError::ForeignList);
            }
            tokio::time::sleep(FOREIGN_CHECK_EVERY).await;
        }
        Ok(())
    }
}

//! Helpers that start a database, a Redis and the writing side of the list for one test.

use std::sync::Arc;
use std::time::Duration;

use auth_service::keys::ensure_database_id;
use auth_service::random::Random;
use auth_service::revocation::continuity::Continuity;
use auth_service::revocation::{ProjectionSettings, Revocations, StartError};
use auth_service::storage::{self, UnitOfWork};
use redis::aio::MultiplexedConnection;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::{Clock, SharedClock, SystemClock};
use shared_claims::revocation::{RevocationFact, RevocationKind};
use shared_claims::testing::RedisProcess;
use uuid::Uuid;

pub(crate) const PREFIX: &str = "{revoked}";

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) redis: RedisProcess,
    _place: TestDatabase,
}

impl World {
    pub(crate) async fn new(place: TestDatabase) -> Self {
        let database = Database::connect(&place.settings()).await.unwrap();
        database.migrate(storage::migrations()).await.unwrap();
        Self { database, redis: RedisProcess::start().await, _place: place }
    }

    pub(crate) async fn sqlite() -> Self {
        Self::new(TestDatabase::create(service_kit::database::Backend::Sqlite)).await
    }

    pub(crate) fn settings(&self) -> ProjectionSettings {
        ProjectionSettings {
            url: self.redis.url(),
            prefix: PREFIX.to_owned(),
            list_ttl: Duration::from_secs(30),
            allow_eviction: false,
        }
    }

    pub(crate) async fn start(&self) -> Revocations {
        self.start_with(self.settings()).await.unwrap()
    }

    pub(crate) async fn start_with(&self, settings: ProjectionSettings) -> Result<Revocations, StartError> {
        self.start_under(settings, Arc::new(SystemClock)).await
    }

    pub(crate) async fn start_under(
        &self,
        settings: ProjectionSettings,
        clock: SharedClock,
    ) -> Result<Revocations, StartError> {
        let random = Random::system();
        let id = ensure_database_id(&self.database, &random).await.unwrap();
        Revocations::start(self.database.clone(), Continuity::of(id), Some(settings), clock, random).await
    }

    /// Commits a fact as a use case does. Returns its sequence number.
    pub(crate) async fn commit(&self, fact: RevocationFact) -> i64 {
        let clock = Arc::new(SystemClock);
        let unit_of_work = UnitOfWork::new(self.database.clone(), clock, Random::system());
        let committed = unit_of_work.commit(move |transaction| {
            transaction.revoke(fact.clone());
            Ok::<_, DatabaseError>(())
        });
        committed.await.unwrap().seq.unwrap()
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.redis.connection().await
    }

    pub(crate) async fn run_id(&self) -> String {
        let mut redis = self.connection().await;
        let info: String = redis::cmd("INFO").arg("server").query_async(&mut redis).await.unwrap();
        info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap().to_owned()
    }

    pub(crate) async fn exists(&self, name: &str) -> bool {
        let mut redis = self.connection().await;
        redis::cmd("EXISTS").arg(format!("{PREFIX}:{name}")).query_async(&mut redis).await.unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> Option<String> {
        let mut redis = self.connection().await;
        redis::cmd("GET").arg(format!("{PREFIX}:{name}")).query_async(&mut redis).await.unwrap()
    }

    /// The ids in the stream, oldest first.
    pub(crate) async fn stream(&self) -> Vec<String> {
        let mut redis = self.connection().await;
        let reply: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
            .arg(format!("{PREFIX}:events"))
            .arg("-")
            .arg("+")
            .query_async(&mut redis)
            .await
            .unwrap();
        reply.ids.into_iter().map(|entry| entry.id).collect()
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemClock.now_ms()
}

pub(crate) fn session(id: u128) -> RevocationFact {
    RevocationFact {
        kind: RevocationKind::Sid,
        id: Uuid::from_u128(id).to_string(),
        at: None,
        exp: now_ms() / 1000 + 900,
    }
}

pub(crate) fn cut(user: &str, at: i64, life: i64) -> RevocationFact {
    RevocationFact {
        kind: RevocationKind::Sub,
        id: user.to_owned(),
        at: Some(at),
        exp: now_ms() / 1000 + life,
    }
}

/// Polls until `condition` holds; fails after ten seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came true: {what}");
}

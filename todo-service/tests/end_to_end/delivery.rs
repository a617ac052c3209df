//! The ways in which revocations get from the auth-service to the todo-service.

use std::time::Duration;

use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::RedisProcess;

use crate::issuer::Issuer;
use crate::service::Process;

/// How revocations are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Feed,
    RedisMirror,
    RedisLookup,
}

/// The staleness bound of the todo-service.
pub(crate) const BOUND: Duration = Duration::from_secs(3);

/// Both services, connected.
pub(crate) struct Services {
    pub(crate) issuer: Issuer,
    pub(crate) service: Process,
    pub(crate) redis: Option<RedisProcess>,
    settings: Vec<(&'static str, String)>,
    database: TestDatabase,
}

impl Services {
    pub(crate) async fn start(delivery: Delivery, backend: Backend) -> Self {
        let redis = match delivery {
            Delivery::Feed => None,
            Delivery::RedisMirror | Delivery::RedisLookup => Some(RedisProcess::start().await),
        };
        let issuer = Issuer::start(backend, redis.as_ref()).await;
        let mut settings = vec![
            ("TODO__AUTH__ISSUER", issuer.url.clone()),
            ("TODO__REVOCATION__MAX_STALENESS_SECONDS", BOUND.as_secs().to_string()),
        ];
        if let Some(redis) = &redis {
            settings.push(("TODO__REVOCATION__REDIS_URL", redis.url()));
        }
        if delivery == Delivery::RedisLookup {
            settings.push(("TODO__REVOCATION__MODE", "lookup".to_owned()));
        }
        let database = TestDatabase::create(backend);
        let service = Process::start(&database, &settings).await;
        Self { issuer, service, redis, settings, database }
    }

    /// Starts another replica of the todo-service.
    pub(crate) async fn replica(&self) -> Process {
        Process::start(&self.database, &self.settings).await
    }
}

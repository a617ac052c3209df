//! The two places where counters stand that all replicas share.

use std::time::Duration;

use service_kit::database::DatabaseError;
use shared_claims::issuer::RedisNotFound;

use super::database::DatabaseCounters;
use super::redis::RedisCounters;
use super::store::{Begun, CounterStore, Ending, Step};
use crate::domain::AttemptId;

/// How long a step in Redis may take.
const REDIS_LIMIT: Duration = Duration::from_millis(500);
/// How long a step in the database may take. Longer, because a login cannot do without the database anyway.
const DATABASE_LIMIT: Duration = Duration::from_secs(1);

/// Why a step in the store failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("{0}")]
    NotFound(#[from] RedisNotFound),
    #[error("the database: {0}")]
    Database(#[from] DatabaseError),
    #[error("an answer that cannot be read")]
    Reply,
    #[error("the service is being stopped")]
    Stopped,
}

pub(super) enum Place {
    Redis(Box<RedisCounters>),
    Database(DatabaseCounters),
}

impl Place {
    pub(super) fn of(store: CounterStore, max_counters: u32) -> Self {
        match store {
            CounterStore::Redis { address, prefix } => {
                Self::Redis(Box::new(RedisCounters::new(address, &prefix, max_counters)))
            }
            CounterStore::Database(database) => Self::Database(DatabaseCounters::new(database, max_counters)),
        }
    }

    /// Drops the connection to Redis after a failure.
    pub(super) fn forget_connection(&self) {
        if let Self::Redis(redis) = self {
            redis.forget_connection();
        }
    }

    pub(super) async fn begin(&self, step: &Step) -> Result<Begun, StoreError> {
        match self {
            Self::Redis(redis) => redis.begin(step).await,
            Self::Database(database) => database.begin(step).await,
        }
    }

    pub(super) async fn end(
        &self,
        attempt: AttemptId,
        ends: &[Ending],
        now_ms: i64,
    ) -> Result<Vec<bool>, StoreError> {
        match self {
            Self::Redis(redis) => redis.end(attempt, ends, now_ms).await,
            Self::Database(database) => database.end(attempt, ends, now_ms).await,
        }
    }

    pub(super) async fn keep_house(&self, now_ms: i64) -> Result<(), StoreError> {
        match self {
            Self::Redis(redis) => redis.keep_house().await,
            Self::Database(database) => database.keep_house(now_ms).await,
        }
    }

    pub(super) fn live(&self) -> u64 {
        match self {
            Self::Redis(redis) => redis.live(),
            Self::Database(database) => database.live(),
        }
    }

    /// How long a step may take.
    pub(super) fn limit(&self) -> Duration {
        match self {
            Self::Redis(_) => REDIS_LIMIT,
            Self::Database(_) => DATABASE_LIMIT,
        }
    }

    pub(super) fn housekeeping_every(&self) -> Duration {
        match self {
            Self::Redis(_) => Duration::from_secs(1),
            Self::Database(_) => Duration::from_secs(3),
        }
    }
}

//! One connection to one Redis process, each call with a limit.

use std::future::Future;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, RedisResult};

use super::RedisSettings;
use crate::clock::SharedClock;

/// What went wrong between us and Redis. Shown in logs and status: no secrets in here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("no answer from Redis within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    #[error("Redis does not tell its run_id")]
    NoRunId,
    #[error("no connection to Redis")]
    NotConnected,
}

/// A connection that ends with the process it was made to: it never reconnects by itself, so that the `run_id` compared
/// on it holds for every answer that comes over it.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) redis: MultiplexedConnection,
    pub(super) run_id: String,
}

impl RedisSettings {
    pub(super) async fn connect(&self, clock: &SharedClock) -> Result<Connection, Fault> {
        // The limit is ours, over connecting, greeting and asking together.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let greeting = async {
            let mut redis = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            let info: String = redis::cmd("INFO").arg("server").query_async(&mut redis).await?;
            Ok((redis, info))
        };
        let (redis, info) = limited(self.time_limit, clock, greeting).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim);
        let run_id = run_id.filter(|id| !id.is_empty()).ok_or(Fault::NoRunId)?.to_owned();
        Ok(Connection { redis, run_id })
    }
}

/// Waits for an answer no longer than `limit`. One that is there when we look, but came later (the process was
/// stopped in between), is a time-out all the same.
pub(super) async fn limited<T>(
    limit: Duration,
    clock: &SharedClock,
    call: impl Future<Output = RedisResult<T>>,
) -> Result<T, Fault> {
    let sent = clock.boot_ms();
    let answer = tokio::time::timeout(limit, call).await.map_err(|_| Fault::TimedOut(limit))??;
    let took = clock.boot_ms().saturating_sub(sent);
    if u128::from(took) > limit.as_millis() { Err(Fault::TimedOut(limit)) } else { Ok(answer) }
}

//! One connection to one Redis process, each call with a limit.

use std::future::Future;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult};

use super::RedisSettings;
use super::address::open;
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
    #[error("the list in this Redis is not kept: it may be the master no more")]
    Abandoned,
}

/// A connection that ends with the process it was made to: it never reconnects by itself, so that the `run_id` compared
/// on it holds for every answer that comes over it.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) redis: MultiplexedConnection,
    pub(super) run_id: String,
}

/// For how long a list need not be renewed before its Redis is suspected to be the master no more: the auth-service renews
/// it each second.
const ABANDONED_AFTER_MS: i64 = 2_000;

/// Notices that the list at the other end of a connection is not kept any more, where the master may have moved without the
/// connection breaking.
pub(super) struct Abandonment {
    may_move: bool,
    kept_at_ms: i64,
}

impl Abandonment {
    /// A connection was made at `now_ms` (boot clock).
    pub(super) fn watch(settings: &RedisSettings, now_ms: i64) -> Self {
        Self { may_move: settings.address.may_move_silently(), kept_at_ms: now_ms }
    }

    /// The list was looked at, and is complete as of then, if it is; all on the boot clock.
    pub(super) fn observe(&mut self, as_of_ms: Option<i64>, now_ms: i64) -> Result<(), Fault> {
        self.kept_at_ms = self.kept_at_ms.max(as_of_ms.unwrap_or(i64::MIN));
        let abandoned = now_ms.saturating_sub(self.kept_at_ms) > ABANDONED_AFTER_MS;
        if self.may_move && abandoned { Err(Fault::Abandoned) } else { Ok(()) }
    }
}

impl RedisSettings {
    pub(super) async fn connect(&self, clock: &SharedClock) -> Result<Connection, Fault> {
        // One limit over finding, connecting, greeting and asking together.
        let greeting = async {
            let node = self.address.locate(&self.keys.epoch()).await?;
            let mut redis = open(node.expose_url()).await?;
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

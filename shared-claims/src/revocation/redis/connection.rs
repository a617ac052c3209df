//! A connection to one Redis process, with a time limit for each call.

use std::future::Future;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult};

use super::RedisSettings;
use super::address::open;
use crate::clock::SharedClock;

/// Why a call to Redis failed. Shown in logs and status, so it must not contain secrets.
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

/// A connection that ends with the process to which it was made. It never reconnects by itself, so the `run_id` that
/// was compared on it holds for every response that it returns.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) redis: MultiplexedConnection,
    pub(super) run_id: String,
}

/// After how long without a renewal of the list its Redis may no longer be the master, milliseconds. The auth-service
/// renews the list every second.
const ABANDONED_AFTER_MS: i64 = 2_000;

/// Detects that the list at the other end of the connection is no longer renewed. Needed where the master may change
/// while the connection stays open.
pub(super) struct Abandonment {
    may_move: bool,
    kept_at_ms: i64,
}

impl Abandonment {
    /// Starts the check for a connection that was made at `now_ms` (boot clock).
    pub(super) fn watch(settings: &RedisSettings, now_ms: i64) -> Self {
        Self { may_move: settings.address.may_move_silently(), kept_at_ms: now_ms }
    }

    /// Takes the moment as of which the list was last seen complete, if it is. Both times are of the boot clock.
    /// Returns [`Fault::Abandoned`] if the list was not renewed for too long.
    pub(super) fn observe(&mut self, as_of_ms: Option<i64>, now_ms: i64) -> Result<(), Fault> {
        self.kept_at_ms = self.kept_at_ms.max(as_of_ms.unwrap_or(i64::MIN));
        let abandoned = now_ms.saturating_sub(self.kept_at_ms) > ABANDONED_AFTER_MS;
        if self.may_move && abandoned { Err(Fault::Abandoned) } else { Ok(()) }
    }
}

impl RedisSettings {
    pub(super) async fn connect(&self, clock: &SharedClock) -> Result<Connection, Fault> {
        // One time limit for finding the server, connecting and asking for its `run_id` together.
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

/// Waits for a response for at most `limit`. A response that arrived later counts as a time-out too, even if it is
/// there when the task runs again (for example because the process was stopped in between).
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

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
pub(super) enum ConnectionError {
    #[error("no answer from Redis within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    #[error("Redis does not report its run_id")]
    NoRunId,
    #[error("no connection to Redis")]
    NotConnected,
    #[error("the list in this Redis is no longer renewed: it may not be the master any more")]
    NotRenewed,
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
const NOT_RENEWED_AFTER_MS: i64 = 2_000;

/// Detects that the list at the other end of the connection is no longer renewed. Needed where the master may change
/// while the connection stays open.
pub(super) struct RenewalWatch {
    may_move: bool,
    renewed_at_ms: i64,
}

impl RenewalWatch {
    /// Starts the watch of a connection that was made at `now_ms` (boot clock).
    pub(super) fn start(settings: &RedisSettings, now_ms: i64) -> Self {
        Self { may_move: settings.address.may_move_silently(), renewed_at_ms: now_ms }
    }

    /// Takes the moment as of which the list was last seen complete, if it is. Both times are of the boot clock.
    /// Returns [`ConnectionError::NotRenewed`] if the list was not renewed for too long.
    pub(super) fn observe(&mut self, as_of_ms: Option<i64>, now_ms: i64) -> Result<(), ConnectionError> {
        self.renewed_at_ms = self.renewed_at_ms.max(as_of_ms.unwrap_or(i64::MIN));
        let is_overdue = now_ms.saturating_sub(self.renewed_at_ms) > NOT_RENEWED_AFTER_MS;
        if self.may_move && is_overdue { Err(ConnectionError::NotRenewed) } else { Ok(()) }
    }
}

impl RedisSettings {
    pub(super) async fn connect(&self, clock: &SharedClock) -> Result<Connection, ConnectionError> {
        // One time limit for finding the server, connecting and asking for its `run_id` together.
        let connecting = async {
            let node = self.address.locate(&self.keys.epoch()).await?;
            let mut redis = open(node.expose_url()).await?;
            let info: String = redis::cmd("INFO").arg("server").query_async(&mut redis).await?;
            Ok((redis, info))
        };
        let (redis, info) = limited(self.time_limit, clock, connecting).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim);
        let run_id = run_id.filter(|id| !id.is_empty()).ok_or(ConnectionError::NoRunId)?.to_owned();
        Ok(Connection { redis, run_id })
    }
}

/// Waits for a response for at most `limit`. A response that arrived later counts as a time-out too, even if it is
/// there when the task runs again (for example because the process was stopped in between).
pub(super) async fn limited<T>(
    limit: Duration,
    clock: &SharedClock,
    call: impl Future<Output = RedisResult<T>>,
) -> Result<T, ConnectionError> {
    let sent = clock.boot_ms();
    let response =
        tokio::time::timeout(limit, call).await.map_err(|_| ConnectionError::TimedOut(limit))??;
    let took = clock.boot_ms().saturating_sub(sent);
    if u128::from(took) > limit.as_millis() { Err(ConnectionError::TimedOut(limit)) } else { Ok(response) }
}

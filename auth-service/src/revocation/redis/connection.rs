//! Calls with a time limit, on one connection that is never re-established silently.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError as DriverError, ScriptInvocation};
use shared_claims::issuer::{RedisAddress, RedisNode, RedisNotFound, contract};
use tokio::time::Instant;

/// The time limit for connecting and for one call.
const CALL_LIMIT: Duration = Duration::from_secs(1);

/// The error of a call to Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL is not valid. It may contain a password, so the message does not repeat it.
    #[error("the Redis URL is not valid")]
    Url,
    /// Neither the cluster nor the Sentinels report where the list is.
    #[error("{0}")]
    NotFound(#[from] RedisNotFound),
    /// Redis did not answer within the time limit.
    #[error("Redis did not answer within {} ms", CALL_LIMIT.as_millis())]
    TimedOut,
    /// Redis or the network failed.
    #[error("Redis failed: {0}")]
    Failed(#[from] DriverError),
    /// The reply does not have the form that the script returns.
    #[error("Redis sent a reply that cannot be read")]
    Reply,
}

/// How often the Sentinels are asked whether the connected Redis is still the master. An old master may still run,
/// but be cut off from the Sentinels.
const LOCATE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Finds the Redis and connects on the first call, and drops the connection at the first error.
#[derive(Debug)]
pub(super) struct Connection {
    address: RedisAddress,
    /// The key whose slot determines the cluster node that has the list.
    key: String,
    open: Option<OpenConnection>,
}

#[derive(Debug)]
struct OpenConnection {
    redis: MultiplexedConnection,
    node: RedisNode,
    /// When the location of the list was last asked for.
    located_at: Instant,
}

impl Connection {
    pub(super) fn new(url: &str, prefix: &str) -> Result<Self, RedisError> {
        let address = RedisAddress::parse(url).map_err(|_| RedisError::Url)?;
        Ok(Self { address, key: contract::key(prefix, contract::EPOCH), open: None })
    }

    pub(super) async fn call<T: redis::FromRedisValue>(
        &mut self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let kept = match self.open.take() {
            Some(mut open) => self.is_still_right(&mut open).await.then_some(open),
            None => None,
        };
        let mut open = match kept {
            Some(open) => open,
            None => self.connect().await?,
        };
        let reply = limited(script.invoke_async(&mut open.redis)).await;
        if reply.is_ok() {
            self.open = Some(open);
        }
        reply
    }

    /// Whether the connected Redis is still the right one. If its location cannot be determined, the connection is
    /// kept.
    async fn is_still_right(&self, open: &mut OpenConnection) -> bool {
        if !self.address.may_move_silently() || open.located_at.elapsed() < LOCATE_AGAIN_AFTER {
            return true;
        }
        let found = self.find().await;
        open.located_at = Instant::now();
        found.map_or(true, |node| node == open.node)
    }

    async fn find(&self) -> Result<RedisNode, RedisError> {
        match tokio::time::timeout(CALL_LIMIT, self.address.find(&self.key)).await {
            Ok(found) => Ok(found?),
            Err(_) => Err(RedisError::TimedOut),
        }
    }

    async fn connect(&self) -> Result<OpenConnection, RedisError> {
        let node = self.find().await?;
        let client = Client::open(node.expose_url()).map_err(|_| RedisError::Url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CALL_LIMIT))
            .set_response_timeout(Some(CALL_LIMIT));
        let redis = limited(client.get_multiplexed_async_connection_with_config(&config)).await?;
        Ok(OpenConnection { redis, node, located_at: Instant::now() })
    }
}

async fn limited<T>(call: impl Future<Output = Result<T, DriverError>>) -> Result<T, RedisError> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) if error.is_timeout() => Err(RedisError::TimedOut),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(RedisError::TimedOut),
    }
}

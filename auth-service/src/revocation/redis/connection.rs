//! Bounded calls on one connection that is never re-established in silence.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError as DriverError, ScriptInvocation};
use shared_claims::revocation::{RedisAddress, RedisNode, RedisNotFound};
use tokio::time::Instant;

/// How long connecting or one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(1);

/// Why Redis could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL is none that the client understands. It may hold a password, so it is not repeated.
    #[error("the Redis URL is not valid")]
    Url,
    /// Neither cluster nor Sentinels tell where the list is.
    #[error("{0}")]
    NotFound(#[from] RedisNotFound),
    /// No answer within the limit.
    #[error("Redis did not answer within {} ms", CALL_LIMIT.as_millis())]
    TimedOut,
    /// Redis or the way to it failed.
    #[error("Redis failed: {0}")]
    Failed(#[from] DriverError),
    /// An answer of another shape than the script gives.
    #[error("Redis gave an answer that cannot be read")]
    Answer,
}

/// How often Sentinels are asked whether the master is still the one that we are connected to: the old one may live on, cut
/// off from them.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Finds the Redis and connects when asked and not connected, and forgets the connection at the first error.
#[derive(Debug)]
pub(super) struct Connection {
    address: RedisAddress,
    /// The key by which a cluster knows where the list is.
    key: String,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    redis: MultiplexedConnection,
    node: RedisNode,
    /// When it was last asked where the list is.
    looked_at: Instant,
}

impl Connection {
    pub(super) fn new(url: &str, prefix: &str) -> Result<Self, RedisError> {
        let address = RedisAddress::parse(url).map_err(|_| RedisError::Url)?;
        Ok(Self { address, key: format!("{prefix}:epoch"), open: None })
    }

    pub(super) async fn call<T: redis::FromRedisValue>(
        &mut self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let kept = match self.open.take() {
            Some(mut open) => self.is_still_the_one(&mut open).await.then_some(open),
            None => None,
        };
        let mut open = match kept {
            Some(open) => open,
            None => self.connect().await?,
        };
        let answer = limited(script.invoke_async(&mut open.redis)).await;
        if answer.is_ok() {
            self.open = Some(open);
        }
        answer
    }

    /// Whether nobody says that the master is another by now. Where nobody says anything we stay.
    async fn is_still_the_one(&self, open: &mut Open) -> bool {
        if !self.address.may_move_silently() || open.looked_at.elapsed() < LOOK_AGAIN_AFTER {
            return true;
        }
        let found = self.find().await;
        open.looked_at = Instant::now();
        found.map_or(true, |node| node == open.node)
    }

    async fn find(&self) -> Result<RedisNode, RedisError> {
        match tokio::time::timeout(CALL_LIMIT, self.address.find(&self.key)).await {
            Ok(found) => Ok(found?),
            Err(_) => Err(RedisError::TimedOut),
        }
    }

    async fn connect(&self) -> Result<Open, RedisError> {
        let node = self.find().await?;
        let client = Client::open(node.expose_url()).map_err(|_| RedisError::Url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CALL_LIMIT))
            .set_response_timeout(Some(CALL_LIMIT));
        let redis = limited(client.get_multiplexed_async_connection_with_config(&config)).await?;
        Ok(Open { redis, node, looked_at: Instant::now() })
    }
}

async fn limited<T>(call: impl Future<Output = Result<T, DriverError>>) -> Result<T, RedisError> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.is_timeout() => Err(RedisError::TimedOut),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(RedisError::TimedOut),
    }
}

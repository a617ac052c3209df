//! Bounded calls on one connection that is never re-established in silence.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError as DriverError, ScriptInvocation};

/// How long connecting or one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(1);

/// Why Redis could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL is none that the client understands. It may hold a password, so it is not repeated.
    #[error("the Redis URL is not valid")]
    Url,
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

/// Connects when asked and not connected, and forgets the connection at the first error.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    open: Option<MultiplexedConnection>,
}

impl Connection {
    pub(super) fn new(url: &str) -> Result<Self, RedisError> {
        Ok(Self { client: Client::open(url).map_err(|_| RedisError::Url)?, open: None })
    }

    pub(super) async fn call<T: redis::FromRedisValue>(
        &mut self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let answer = limited(script.invoke_async(&mut connection)).await;
        if answer.is_ok() {
            self.open = Some(connection);
        }
        answer
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CALL_LIMIT))
            .set_response_timeout(Some(CALL_LIMIT));
        limited(self.client.get_multiplexed_async_connection_with_config(&config)).await
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

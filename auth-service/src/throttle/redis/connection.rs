//! The connection that all attempts share. It is dropped at the first error, and made anew for the next call.

use std::sync::{Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use shared_claims::issuer::RedisAddress;

use crate::throttle::place::StoreError;

pub(super) struct Connection {
    address: RedisAddress,
    /// A key whose slot decides which node of a cluster has the counters.
    key: String,
    open: Mutex<Option<Open>>,
    /// Held while a connection is made, so that attempts that come meanwhile wait for it.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Open {
    redis: MultiplexedConnection,
    url: String,
}

impl Connection {
    pub(super) fn new(address: RedisAddress, key: String) -> Self {
        Self { address, key, open: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// The open connection, or a new one. The caller has a time limit.
    pub(super) async fn get(&self) -> Result<MultiplexedConnection, StoreError> {
        if let Some(redis) = self.opened() {
            return Ok(redis);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(redis) = self.opened() {
            return Ok(redis);
        }
        let node = self.address.find(&self.key).await?;
        let client = Client::open(node.expose_url())?;
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let redis = client.get_multiplexed_async_connection_with_config(&config).await?;
        let open = Open { redis: redis.clone(), url: node.expose_url().to_owned() };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok(redis)
    }

    /// Drops the connection: the next call makes a new one.
    pub(super) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Drops the connection if the master is another Redis now. An old master may live on.
    pub(super) async fn follow_master(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(open) = open.filter(|_| self.address.may_move_silently()) else { return };
        // If nobody can say where it is, the connection is kept.
        if let Ok(node) = self.address.find(&self.key).await
            && node.expose_url() != open.url
        {
            self.close();
        }
    }

    fn opened(&self) -> Option<MultiplexedConnection> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|open| open.redis.clone())
    }
}

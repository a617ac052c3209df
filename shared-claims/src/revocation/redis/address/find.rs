//! Finds the server that holds the list.

use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::{Login, Place, RedisAddress, RedisNode};

/// The most nodes of a cluster that are asked one after the other. A node that does not hold the slot names the node
/// that does, and the slot may move in between.
const HOPS: usize = 4;

impl RedisAddress {
    /// The node that holds `key` at the moment. All known servers are asked at the same time, so that one that does not
    /// answer delays nothing.
    pub(in crate::revocation::redis) async fn locate(&self, key: &str) -> RedisResult<RedisNode> {
        let url = match &self.place {
            Place::Server(login, host) => login.url(host),
            Place::Cluster(login, seeds) => {
                let asked = seeds.iter().map(|seed| Box::pin(owner(login, seed, key)));
                login.url(&select_ok(asked).await?.0)
            }
            Place::Sentinel { login, sentinel_login, sentinels, master } => {
                let asked = sentinels
                    .iter()
                    .map(|sentinel| Box::pin(acting_master(login, sentinel_login.url(sentinel), master)));
                login.url(&select_ok(asked).await?.0)
            }
        };
        Ok(RedisNode { url })
    }
}

/// Connects without time limits: the caller has one limit for the whole call.
pub(in crate::revocation::redis) async fn open(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

/// The master of the slot of `key`. Follows the `MOVED` errors of the nodes, because that needs no permission beyond
/// reading the key.
async fn owner(login: &Login, seed: &str, key: &str) -> RedisResult<String> {
    let mut host = seed.to_owned();
    for _ in 0..HOPS {
        let mut node = open(&login.url(&host)).await?;
        let Err(error) = redis::cmd("GET").arg(key).query_async::<Value>(&mut node).await else {
            return Ok(host);
        };
        match error.redirect_node() {
            Some((next, _)) if error.kind() == ErrorKind::Server(ServerErrorKind::Moved) => {
                host = absolute(next, &host);
            }
            _ => return Err(error),
        }
    }
    Err(RedisError::from((ErrorKind::Client, "the nodes of the cluster send us round in circles")))
}

/// The address of a node. If it has no host, the node is on the host of the server that named it.
fn absolute(told: &str, teller: &str) -> String {
    let (host, port) = told.rsplit_once(':').unwrap_or((told, "6379"));
    let own = teller.rsplit_once(':').map_or(teller, |(host, _)| host);
    match host {
        "" | "?" => format!("{own}:{port}"),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    }
}

/// The master that a Sentinel names, if that server also says that it is a master. A Sentinel that was cut off may
/// still name the former master.
async fn acting_master(login: &Login, sentinel: String, name: &str) -> RedisResult<String> {
    let mut sentinel = open(&sentinel).await?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let told: Option<(String, String)> = question.query_async(&mut sentinel).await?;
    let (host, port) = told.ok_or((ErrorKind::MasterNameNotFoundBySentinel, "no master of that name"))?;
    let host = absolute(&format!("{host}:{port}"), "");
    let mut node = open(&login.url(&host)).await?;
    let info: String = redis::cmd("INFO").arg("replication").query_async(&mut node).await?;
    if info.lines().any(|line| line.trim() == "role:master") {
        return Ok(host);
    }
    Err(RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "the Redis that was named is no master")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_host_is_where_it_was_told() {
        assert_eq!(absolute("10.0.0.2:6381", "a:7000"), "10.0.0.2:6381");
        assert_eq!(absolute(":6381", "a:7000"), "a:6381");
        assert_eq!(absolute("?:6381", "[::1]:7000"), "[::1]:6381");
        assert_eq!(absolute("fe80::1:6381", "a:7000"), "[fe80::1]:6381");
    }
}

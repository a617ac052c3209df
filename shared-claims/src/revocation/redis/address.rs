//! The address of the Redis that has the list: the one in the URL, or the one that a cluster or Sentinels name.
//!
//! The protocol needs one connection to one process, whose `run_id` was compared with the list's epoch. A cluster or
//! Sentinels are therefore asked only for the address of that process. The connection to it is an ordinary one, and it
//! is closed when the process ends or stops being the master (`docs/adr/0006`).

mod parse;

use std::fmt;

use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

/// The address of the Redis that holds the list, or of the servers that know where it is.
///
/// [`RedisSettings::new`](crate::revocation::RedisSettings::new) lists the forms of the URL.
///
/// ```
/// use shared_claims::issuer::RedisAddress;
///
/// let address = RedisAddress::parse("redis-sentinel://:secret@sentinel-1:26379,sentinel-2:26379/main")?;
/// assert_eq!(address.to_string(), "redis-sentinel://sentinel-1:26379,sentinel-2:26379/main");
/// assert!(address.may_move_silently() && !address.is_cluster());
/// # Ok::<(), shared_claims::revocation::InvalidRedisUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    place: Place,
}

/// The error for a Redis URL that cannot be used. It does not contain the URL, which may hold a password.
///
/// ```
/// use shared_claims::revocation::{InvalidRedisUrl, RedisSettings};
///
/// assert_eq!(RedisSettings::new("http://localhost").err(), Some(InvalidRedisUrl));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a Redis URL (redis://[user:password@]host[:port][/db], redis-cluster://host:port[,…], \
     redis-sentinel://host:port[,…]/master[/db], rediss… for TLS, or unix:///path)"
)]
pub struct InvalidRedisUrl;

/// The URL of one Redis server, to connect to. Its `Debug` output has no password.
///
/// ```no_run
/// use shared_claims::issuer::{RedisAddress, RedisNotFound};
///
/// async fn master(address: &RedisAddress) -> Result<String, RedisNotFound> {
///     Ok(address.find("{revoked}:epoch").await?.expose_url().to_owned())
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisNode {
    url: String,
}

/// The error when no server that was asked knows where the list is.
///
/// ```no_run
/// use shared_claims::issuer::RedisAddress;
///
/// async fn complain(address: &RedisAddress) -> Option<String> {
///     address.find("{revoked}:epoch").await.err().map(|error| error.to_string())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("Redis: {0}")]
pub struct RedisNotFound(String);

/// How many nodes of a cluster are asked one after the other at most. A node that does not hold the slot names the node
/// that does, and the slot may move in between.
const MAX_REDIRECTS: usize = 4;

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Server(Login, String),
    Cluster(Login, Vec<String>),
    Sentinel { login: Login, sentinel_login: Login, sentinels: Vec<String>, master: String },
}

/// A server's URL without its host.
#[derive(Clone, PartialEq, Eq)]
struct Login {
    scheme: &'static str,
    /// `user:password`, exactly as in the URL.
    userinfo: Option<String>,
    /// The part after the host: database and options.
    rest: String,
}

impl RedisAddress {
    /// Parses a URL. Does not connect.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] for a string of any other form.
    pub fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        Ok(Self { place: parse::place(url)? })
    }

    /// Whether the address is that of a cluster. The list's keys must then share a hash slot, so the prefix needs
    /// braces.
    pub fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster(..))
    }

    /// Whether the master may change while the connection to the old one stays open. The master then has to be looked
    /// up again from time to time. (A cluster node itself reports that a slot has moved.)
    pub fn may_move_silently(&self) -> bool {
        matches!(self.place, Place::Sentinel { .. })
    }

    /// Finds the server that holds `key` at the moment. Asks all known servers at the same time. Has no time limit.
    ///
    /// # Errors
    /// [`RedisNotFound`] when no server gives a usable answer.
    pub async fn find(&self, key: &str) -> Result<RedisNode, RedisNotFound> {
        self.locate(key).await.map_err(|error| RedisNotFound(error.to_string()))
    }

    /// The node that holds `key` at the moment. All known servers are asked at the same time, so that one that does not
    /// answer delays nothing.
    pub(super) async fn locate(&self, key: &str) -> RedisResult<RedisNode> {
        let url = match &self.place {
            Place::Server(login, host) => login.url(host),
            Place::Cluster(login, seeds) => {
                let searches = seeds.iter().map(|seed| Box::pin(owner(login, seed, key)));
                login.url(&select_ok(searches).await?.0)
            }
            Place::Sentinel { login, sentinel_login, sentinels, master } => {
                let searches = sentinels
                    .iter()
                    .map(|sentinel| Box::pin(acting_master(login, sentinel_login.url(sentinel), master)));
                login.url(&select_ok(searches).await?.0)
            }
        };
        Ok(RedisNode { url })
    }
}

impl RedisNode {
    /// The URL, with the password.
    pub fn expose_url(&self) -> &str {
        &self.url
    }
}

/// Shows the URL without user name and password.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Server(login, host) => write!(f, "{}://{host}", login.scheme),
            Place::Cluster(login, seeds) => write!(f, "{}-cluster://{}", login.scheme, seeds.join(",")),
            Place::Sentinel { login, sentinels, master, .. } => {
                write!(f, "{}-sentinel://{}/{master}", login.scheme, sentinels.join(","))
            }
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddress({self})")
    }
}

impl fmt::Debug for RedisNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisNode").finish_non_exhaustive()
    }
}

impl Login {
    fn url(&self, host: &str) -> String {
        match &self.userinfo {
            Some(userinfo) => format!("{}://{userinfo}@{host}{}", self.scheme, self.rest),
            None => format!("{}://{host}{}", self.scheme, self.rest),
        }
    }
}

/// Connects without time limits: the caller has one limit for the whole call.
pub(super) async fn open(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

/// The master of the slot of `key`. Follows the `MOVED` errors of the nodes, because that needs no permission beyond
/// reading the key.
async fn owner(login: &Login, seed: &str, key: &str) -> RedisResult<String> {
    let mut host = seed.to_owned();
    for _ in 0..MAX_REDIRECTS {
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
    Err(RedisError::from((ErrorKind::Client, "the nodes of the cluster redirect to each other without end")))
}

/// The address of a node. If it has no host, the node is on the host of the server that named it.
fn absolute(named: &str, named_by: &str) -> String {
    let (host, port) = named.rsplit_once(':').unwrap_or((named, "6379"));
    let own = named_by.rsplit_once(':').map_or(named_by, |(host, _)| host);
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
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let named: Option<(String, String)> = command.query_async(&mut sentinel).await?;
    let (host, port) = named.ok_or((ErrorKind::MasterNameNotFoundBySentinel, "no master of that name"))?;
    let host = absolute(&format!("{host}:{port}"), "");
    let mut node = open(&login.url(&host)).await?;
    let info: String = redis::cmd("INFO").arg("replication").query_async(&mut node).await?;
    if info.lines().any(|line| line.trim() == "role:master") {
        return Ok(host);
    }
    Err(RedisError::from((
        ErrorKind::MasterNameNotFoundBySentinel,
        "the Redis that the Sentinel named is not a master",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_host_is_on_the_host_that_named_it() {
        assert_eq!(absolute("10.0.0.2:6381", "a:7000"), "10.0.0.2:6381");
        assert_eq!(absolute(":6381", "a:7000"), "a:6381");
        assert_eq!(absolute("?:6381", "[::1]:7000"), "[::1]:6381");
        assert_eq!(absolute("fe80::1:6381", "a:7000"), "[fe80::1]:6381");
    }
}

//! Which Redis holds the list: the one that the URL names, or one that a cluster or Sentinels tell of.
//!
//! The protocol rests on one connection to one process, whose `run_id` was compared. So a cluster or a set of Sentinels is
//! only asked where that process is; what then follows is an ordinary connection, which ends with the process or with its
//! office (`docs/adr/0006`).

mod find;
mod parse;

use std::fmt;

pub(super) use find::open;

/// The address of the Redis that holds the list, or of those who know it.
///
/// | URL | the list is |
/// |---|---|
/// | `redis://[user:password@]host[:port][/db]`, `unix:///path` | there |
/// | `redis-cluster://[user:password@]host:port[,host:port…]` | at the master of its keys' slot, found from any of these |
/// | `redis-sentinel://[user:password@]host:port[,host:port…]/master[/db]` | at the master that these Sentinels name |
///
/// `rediss://`, `rediss-cluster://` and `rediss-sentinel://` speak TLS, to Sentinels too; the authorities that the system
/// trusts are trusted (`SSL_CERT_FILE` names others). User name and password are those of Redis; Sentinels that ask for
/// their own get them by `?sentinel_username=…&sentinel_password=…`. Special characters are percent-encoded.
///
/// ```
/// use shared_claims::revocation::RedisAddress;
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

/// A Redis URL that cannot be used. The URL is not repeated: it may hold a password.
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

/// One Redis server, found: the URL to connect to. Its `Debug` shows no password.
///
/// ```no_run
/// use shared_claims::revocation::{RedisAddress, RedisNotFound};
///
/// async fn master(address: &RedisAddress) -> Result<String, RedisNotFound> {
///     Ok(address.find("{revoked}:epoch").await?.expose_url().to_owned())
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisNode {
    url: String,
}

/// Nobody who was asked could tell where the list is.
///
/// ```no_run
/// use shared_claims::revocation::RedisAddress;
///
/// async fn complain(address: &RedisAddress) -> Option<String> {
///     address.find("{revoked}:epoch").await.err().map(|error| error.to_string())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("Redis: {0}")]
pub struct RedisNotFound(String);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Server(Login, String),
    Cluster(Login, Vec<String>),
    Sentinel { login: Login, sentinel_login: Login, sentinels: Vec<String>, master: String },
}

/// Everything of a server's URL but its host.
#[derive(Clone, PartialEq, Eq)]
struct Login {
    scheme: &'static str,
    /// `user:password`, as the URL has it.
    userinfo: Option<String>,
    /// What follows the host: database and options.
    rest: String,
}

impl RedisAddress {
    /// Reads a URL. Connects to nothing.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] for a text of any other form.
    pub fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        Ok(Self { place: parse::place(url)? })
    }

    /// Whether it is a cluster, in which the list's keys must share a slot: the prefix needs braces then.
    pub fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster(..))
    }

    /// Whether the master may change without the connection to the old one breaking, so that it has to be looked for again
    /// from time to time. (A node of a cluster says by itself that a slot is no longer its own.)
    pub fn may_move_silently(&self) -> bool {
        matches!(self.place, Place::Sentinel { .. })
    }

    /// Finds the server that holds `key`, now. Asks all who may know at once; sets no limit of time.
    ///
    /// # Errors
    /// [`RedisNotFound`] when nobody answers usefully.
    pub async fn find(&self, key: &str) -> Result<RedisNode, RedisNotFound> {
        self.locate(key).await.map_err(|error| RedisNotFound(error.to_string()))
    }
}

impl RedisNode {
    /// The URL, password included.
    pub fn expose_url(&self) -> &str {
        &self.url
    }
}

/// Without user name and password.
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

//! Where the Redis with the list is: at the address in the URL, or where a cluster or Sentinels say.
//!
//! The protocol needs one connection to one process, whose `run_id` was compared with the list's epoch. A cluster or
//! Sentinels are therefore asked only for the address of that process. The connection to it is an ordinary one, and it
//! is closed when the process ends or stops being the master (`docs/adr/0006`).

mod find;
mod parse;

use std::fmt;

pub(super) use find::open;

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

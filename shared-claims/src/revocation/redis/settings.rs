//! Where the list in Redis is, how to connect to it, and the names of its keys.

use std::fmt;
use std::time::Duration;

use super::address::{InvalidRedisUrl, RedisAddress};
use crate::revocation::{RevocationKind, contract};

/// How to reach the list in Redis (6.2 or later).
///
/// A verifier has a Redis user of its own, which can only read the list. Its rights (ACL), in a cluster and behind Sentinels
/// too: `+hello +auth +ping +select +client|setname +info +time +get +mget +xrange +xread +multi +exec %R~{revoked}:*`. Redis
/// 6.2 does not know `%R`: use `~{revoked}:*` there. The allowed commands only read.
///
/// ```
/// use std::time::Duration;
/// use shared_claims::revocation::RedisSettings;
///
/// let settings = RedisSettings::new("rediss://reader:secret@redis.example")?
///     .prefix("{revoked-staging}")
///     .time_limit(Duration::from_millis(500));
/// assert!(!format!("{settings:?}").contains("secret"));
/// # Ok::<(), shared_claims::revocation::InvalidRedisUrl>(())
/// ```
#[derive(Clone)]
pub struct RedisSettings {
    pub(super) address: RedisAddress,
    pub(super) keys: RedisKeys,
    pub(super) time_limit: Duration,
}

impl RedisSettings {
    /// Settings for the list at this URL, with the prefix `{revoked}`. Does not connect.
    ///
    /// | URL | the list is |
    /// |---|---|
    /// | `redis://[user:password@]host[:port][/db]`, `unix:///path` | there |
    /// | `redis-cluster://[user:password@]host:port[,host:port…]` | at the master of its keys' slot, found from any of these |
    /// | `redis-sentinel://[user:password@]host:port[,host:port…]/master[/db]` | at the master that these Sentinels name |
    ///
    /// `rediss://`, `rediss-cluster://` and `rediss-sentinel://` use TLS, to Sentinels too, and trust the system's
    /// certificate authorities (`SSL_CERT_FILE` names others). User name and password are those of Redis. If the
    /// Sentinels need credentials of their own, add `?sentinel_username=…&sentinel_password=…`. Special characters are
    /// percent-encoded.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] for a string of any other form.
    pub fn new(url: &str) -> Result<Self, InvalidRedisUrl> {
        let address = RedisAddress::parse(url)?;
        Ok(Self { address, keys: RedisKeys::default(), time_limit: Duration::from_secs(1) })
    }

    /// Sets another prefix.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.keys = RedisKeys::new(prefix);
        self
    }

    /// Sets the time limit of each call, connecting included. The default is 1 s.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }
}

/// The names of the list's keys under one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RedisKeys {
    prefix: String,
}

impl RedisKeys {
    pub(super) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    pub(super) fn epoch(&self) -> String {
        contract::key(&self.prefix, contract::EPOCH)
    }

    pub(super) fn as_of(&self) -> String {
        contract::key(&self.prefix, contract::AS_OF)
    }

    pub(super) fn events(&self) -> String {
        contract::key(&self.prefix, contract::EVENTS)
    }

    pub(super) fn fact(&self, kind: RevocationKind, id: &str) -> String {
        contract::fact_key(&self.prefix, kind, id)
    }
}

impl Default for RedisKeys {
    fn default() -> Self {
        Self::new(contract::DEFAULT_PREFIX)
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("address", &self.address)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let settings = RedisSettings::new("redis://reader:hunter2@localhost:6390/3").unwrap();
        let shown = format!("{settings:?}");
        assert!(shown.contains("localhost:6390") && !shown.contains("hunter2"), "{shown}");
        let error = RedisSettings::new("http://reader:hunter2@localhost").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn tls_users_databases_and_sockets_are_understood() {
        for url in ["rediss://u:p@redis.example:6380/1", "redis://localhost", "unix:///run/redis.sock"] {
            assert!(RedisSettings::new(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn keys_are_those_of_the_contract() {
        let keys = RedisKeys::default();
        assert_eq!(keys.epoch(), "{revoked}:epoch");
        assert_eq!(keys.as_of(), "{revoked}:as_of");
        assert_eq!(keys.events(), "{revoked}:events");
        assert_eq!(keys.fact(RevocationKind::Sub, "u1"), "{revoked}:sub:u1");
        assert_eq!(keys.fact(RevocationKind::Key, "k1"), "{revoked}:key:k1");
    }
}

//! The names of the list's keys in Redis.

use crate::revocation::Kind;

/// The names of the revocation list's keys under one prefix.
///
/// ```
/// use shared_claims::revocation::{Kind, RedisKeys};
///
/// let keys = RedisKeys::default();
/// assert_eq!(keys.fact(Kind::Sub, "ada"), "{revoked}:sub:ada");
/// assert_eq!((keys.epoch(), keys.as_of()), ("{revoked}:epoch".to_owned(), "{revoked}:as_of".to_owned()));
/// assert_eq!(RedisKeys::new("{staging}").events(), "{staging}:events");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisKeys {
    prefix: String,
}

impl RedisKeys {
    /// Names with this prefix. Braces in it keep all keys in one hash slot of a cluster.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The key of the epoch: the `run_id` of the Redis process in which the list was last found complete, and the id
    /// that the list got when it was last rebuilt.
    pub fn epoch(&self) -> String {
        format!("{}:epoch", self.prefix)
    }

    /// The key of the moment, on Redis's clock, as of which the list is complete: it contains every fact that was
    /// committed before.
    pub fn as_of(&self) -> String {
        format!("{}:as_of", self.prefix)
    }

    /// The stream with every fact that has not expired.
    pub fn events(&self) -> String {
        format!("{}:events", self.prefix)
    }

    /// The key of one fact.
    pub fn fact(&self, kind: Kind, id: &str) -> String {
        format!("{}:{}:{id}", self.prefix, kind.as_str())
    }
}

impl Default for RedisKeys {
    fn default() -> Self {
        Self::new("{revoked}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_contract() {
        let keys = RedisKeys::default();
        assert_eq!(keys.epoch(), "{revoked}:epoch");
        assert_eq!(keys.as_of(), "{revoked}:as_of");
        assert_eq!(keys.events(), "{revoked}:events");
        assert_eq!(keys.fact(Kind::Sub, "u1"), "{revoked}:sub:u1");
        assert_eq!(keys.fact(Kind::Key, "k1"), "{revoked}:key:k1");
    }
}

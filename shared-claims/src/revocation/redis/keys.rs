//! The names of the list's keys.

use crate::revocation::Kind;

/// The keys of the revocation list under one prefix.
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
    /// Keys under `prefix`; braces in it keep them in one hash slot.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The id of the list as it was last rebuilt, behind the `run_id` of the process it was found whole in.
    pub fn epoch(&self) -> String {
        format!("{}:epoch", self.prefix)
    }

    /// The moment, on Redis's clock, before which every committed fact stands in the list.
    pub fn as_of(&self) -> String {
        format!("{}:as_of", self.prefix)
    }

    /// The stream of every live fact.
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

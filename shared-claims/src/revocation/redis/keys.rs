//! The names of the list's keys under one prefix.

use crate::revocation::{RevocationKind, contract};

/// The keys of the revocation list under one prefix.
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

#[cfg(test)]
mod tests {
    use super::*;

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

//! A key set with at most one key for each `kid`.

use std::collections::HashMap;
use std::sync::Arc;

use super::public_key::PublicKey;

/// The error for a document that is not a JWK Set (RFC 7517 §5).
///
/// ```
/// use shared_claims::verifier::{InvalidKeySet, KeySet};
///
/// assert_eq!(KeySet::from_json(b"<html>").err(), Some(InvalidKeySet));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JWK Set")]
pub struct InvalidKeySet;

/// The keys of an issuer, by `kid`.
///
/// ```
/// use shared_claims::testing::TestKey;
/// use shared_claims::verifier::KeySet;
///
/// let key = TestKey::shared(0).public();
/// let set = KeySet::from_keys([key.clone()]);
/// assert!(set.get(key.kid()).is_some() && set.get("another").is_none());
/// assert!(set.len() == 1 && set.len() <= KeySet::MAX_KEYS);
/// // If two keys share a `kid`, neither is in the set.
/// assert!(KeySet::from_keys([key.clone(), key]).is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: HashMap<String, Arc<PublicKey>>,
}

impl KeySet {
    /// The most keys in a set. Further keys are left out.
    pub const MAX_KEYS: usize = 64;

    /// Creates a set of these keys. If several keys share a `kid`, all of them are left out.
    pub fn from_keys(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut set: HashMap<String, Option<Arc<PublicKey>>> = HashMap::new();
        for key in keys.into_iter().take(Self::MAX_KEYS) {
            set.entry(key.kid().to_owned()).and_modify(|seen| *seen = None).or_insert(Some(Arc::new(key)));
        }
        Self { keys: set.into_iter().filter_map(|(kid, key)| Some((kid, key?))).collect() }
    }

    /// The key with this `kid`.
    pub fn get(&self, kid: &str) -> Option<&Arc<PublicKey>> {
        self.keys.get(kid)
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the set has no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

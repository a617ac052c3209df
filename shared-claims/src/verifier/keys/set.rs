//! A key set: at most one key to each `kid`.

use std::collections::HashMap;
use std::sync::Arc;

use super::public_key::PublicKey;

/// The document is no JWK Set (RFC 7517 §5).
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
/// // Who has two keys under one name has none under it.
/// assert!(KeySet::from_keys([key.clone(), key]).is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: HashMap<String, Arc<PublicKey>>,
}

impl KeySet {
    /// The most keys that a set may hold; the rest of a longer one is left out.
    pub const MAX_KEYS: usize = 64;

    /// A set of these keys. Where several share a `kid`, none of them serves.
    pub fn from_keys(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut set: HashMap<String, Option<Arc<PublicKey>>> = HashMap::new();
        for key in keys.into_iter().take(Self::MAX_KEYS) {
            set.entry(key.kid().to_owned()).and_modify(|seen| *seen = None).or_insert(Some(Arc::new(key)));
        }
        Self { keys: set.into_iter().filter_map(|(kid, key)| Some((kid, key?))).collect() }
    }

    /// The key of that id.
    pub fn get(&self, kid: &str) -> Option<&Arc<PublicKey>> {
        self.keys.get(kid)
    }

    /// How many keys serve.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key serves.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

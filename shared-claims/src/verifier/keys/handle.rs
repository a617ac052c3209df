//! A key set that its holder replaces while verifiers use it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::set::KeySet;

/// The key set of a verifier that does not fetch one: the issuer's own, replaced as keys rotate. Clones share the
/// set.
///
/// ```
/// use shared_claims::verifier::{KeySet, KeySetHandle};
///
/// let handle = KeySetHandle::new();
/// assert!(handle.get().is_none());
/// handle.set(KeySet::from_json(br#"{"keys":[]}"#)?);
/// assert!(handle.get().is_some());
/// # Ok::<(), shared_claims::verifier::InvalidKeySet>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySetHandle {
    shared: Arc<ArcSwapOption<KeySet>>,
}

impl KeySetHandle {
    /// A handle without a set yet: until [`set`](Self::set), verifiers answer that they cannot know.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the set; the next token is checked with it.
    pub fn set(&self, keys: KeySet) {
        self.shared.store(Some(Arc::new(keys)));
    }

    /// The set as it stands.
    pub fn get(&self) -> Option<Arc<KeySet>> {
        self.shared.load_full()
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&KeySet) -> T) -> Option<T> {
        self.shared.load().as_deref().map(look)
    }
}

//! A key set that its owner replaces while verifiers use it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::set::KeySet;

/// The key set of a verifier that does not fetch its keys, for example the issuer's own verifier. The owner replaces
/// the set when keys rotate. Clones share the set.
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
    /// Creates a handle without a key set. Until [`set`](Self::set) is called, verifiers report that tokens cannot be
    /// checked now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the key set. The next token is checked with the new one.
    pub fn set(&self, keys: KeySet) {
        self.shared.store(Some(Arc::new(keys)));
    }

    /// The current key set; `None` before the first [`set`](Self::set).
    pub fn get(&self) -> Option<Arc<KeySet>> {
        self.shared.load_full()
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&KeySet) -> T) -> Option<T> {
        self.shared.load().as_deref().map(look)
    }
}

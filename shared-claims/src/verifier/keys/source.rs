//! Where a verifier's keys come from: a key set that its owner replaces, or the issuer.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::refresher::KeySetRefresher;
use super::set::KeySet;
use crate::clock::Clock;

/// A key set that the caller replaces, or one that is fetched from the issuer.
#[derive(Debug)]
pub(crate) enum KeySource {
    Handle(KeySetHandle),
    Fetched(KeySetRefresher),
}

impl KeySource {
    /// Calls `read` with the current key set; returns `None` if there is none that may be used. The set is not cloned:
    /// with a shared reference count, every thread would write to the same memory.
    pub(crate) fn with_keys<T>(&self, clock: &dyn Clock, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match self {
            Self::Handle(handle) => handle.with_keys(read),
            Self::Fetched(refresher) => refresher.with_keys(clock, read),
        }
    }

    /// Whether a newer key set can be requested.
    pub(crate) fn is_fetched(&self) -> bool {
        matches!(self, Self::Fetched(_))
    }

    /// Requests a new key set after an unknown `kid`. Returns true if a newer set may be there now.
    pub(crate) async fn refresh_for_unknown_kid(&self) -> bool {
        match self {
            Self::Handle(_) => false,
            Self::Fetched(refresher) => refresher.refresh_for_unknown_kid().await,
        }
    }
}

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

    fn with_keys<T>(&self, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        self.shared.load().as_deref().map(read)
    }
}

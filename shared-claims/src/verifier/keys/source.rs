//! Where a verifier's keys come from.

use super::follower::Follower;
use super::handle::KeySetHandle;
use super::set::KeySet;
use crate::clock::Clock;

/// A key set that the caller replaces, or one that is fetched from the issuer.
#[derive(Debug)]
pub(crate) enum KeySource {
    Handle(KeySetHandle),
    Fetched(Follower),
}

impl KeySource {
    /// Calls `look` with the current key set; returns `None` if there is none that may be used. The set is not cloned:
    /// with a shared reference count, every thread would write to the same memory.
    pub(crate) fn look<T>(&self, clock: &dyn Clock, look: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match self {
            Self::Handle(handle) => handle.look(look),
            Self::Fetched(follower) => follower.look(clock, look),
        }
    }

    /// Whether a newer key set can be requested.
    pub(crate) fn is_fetched(&self) -> bool {
        matches!(self, Self::Fetched(_))
    }

    /// Requests a new key set after an unknown `kid`. Returns true if a newer set may be there now.
    pub(crate) async fn refetched(&self) -> bool {
        match self {
            Self::Handle(_) => false,
            Self::Fetched(follower) => follower.refetched().await,
        }
    }
}

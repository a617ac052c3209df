//! Where a verifier's keys come from.

use super::follower::Follower;
use super::handle::KeySetHandle;
use super::set::KeySet;
use crate::clock::Clock;

/// A set held by someone else, or one that is fetched.
#[derive(Debug)]
pub(crate) enum KeySource {
    Handle(KeySetHandle),
    Fetched(Follower),
}

impl KeySource {
    /// Looks into the set that may be used now; `None` where there is none. Nothing of it is cloned: counting references
    /// to the one set would make every thread write to the same place.
    pub(crate) fn look<T>(&self, clock: &dyn Clock, look: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match self {
            Self::Handle(handle) => handle.look(look),
            Self::Fetched(follower) => follower.look(clock, look),
        }
    }

    /// Whether asking for a newer set can help.
    pub(crate) fn is_fetched(&self) -> bool {
        matches!(self, Self::Fetched(_))
    }

    /// After an unknown `kid`: true when a newer set may have come and another look is worth it.
    pub(crate) async fn refetched(&self) -> bool {
        match self {
            Self::Handle(_) => false,
            Self::Fetched(follower) => follower.refetched().await,
        }
    }
}

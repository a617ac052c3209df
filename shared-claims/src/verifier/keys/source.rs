//! Where a verifier's keys come from.

use std::sync::Arc;

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
    /// The set that may be used now.
    pub(crate) fn current(&self, clock: &dyn Clock) -> Option<Arc<KeySet>> {
        match self {
            Self::Handle(handle) => handle.get(),
            Self::Fetched(follower) => follower.current(clock),
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

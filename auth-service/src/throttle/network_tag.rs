//! The tags of networks, under which logins from there are noted.

use super::{CounterKey, Throttle};
use crate::domain::{CallerNetwork, NetworkTag};

impl Throttle {
    /// The tag of a network, the same on all replicas; `None` if nothing is limited.
    pub fn tag_of(&self, network: CallerNetwork) -> Option<NetworkTag> {
        let inner = self.inner.as_ref()?;
        let CounterKey(tag) = inner.hash.of_network(network);
        Some(NetworkTag(tag))
    }
}

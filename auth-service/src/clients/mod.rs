//! The use cases around OAuth clients: who they are, for requests, from a registry that lags by half a second at most.

mod error;
mod registered;
mod registry;
mod snapshot;

use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

pub use self::error::ClientsError;
pub use self::registered::RegisteredClient;
use self::registry::Registry;
pub use self::registry::RegistryStatus;

/// What [`Clients`] works with.
pub struct ClientParts {
    /// The truth.
    pub database: Database,
    /// The time.
    pub clock: SharedClock,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    registry: Arc<Registry>,
}

impl Clients {
    /// The use cases over these parts.
    pub fn new(parts: ClientParts) -> Self {
        Self { registry: Arc::new(Registry::new(parts.database, parts.clock)) }
    }

    /// The client of that id, active or not, as the database had it within the last half second, or since this was called.
    ///
    /// What is decided on it counts at a later moment: see [`Self::holds`].
    ///
    /// # Errors
    /// When the database cannot say: 503.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<RegisteredClient>>, ClientsError> {
        Ok(self.registry.snapshot().await?.find(id))
    }

    /// Whether what was decided on `found` may go out with the time that was read from the wall clock **before** this is
    /// asked: the client is still as it was found, and active, by a reading that is no older than half a second.
    ///
    /// A token's issue asks it last, after it took the time for its `jti`. So none that rests on an older reading has a
    /// `jti` later than the cut of a client that was switched off meanwhile, however long this process stood still.
    /// `false`: find the client again and begin anew; when that does not help, 503.
    pub fn holds(&self, found: &RegisteredClient) -> bool {
        self.registry.fresh().is_some_and(|snapshot| snapshot.holds(found))
    }

    /// What is known counts no longer: a client was changed in this process.
    pub fn changed(&self) {
        self.registry.invalidate();
    }

    /// What is known, and how old that is: for metrics.
    pub fn status(&self) -> RegistryStatus {
        self.registry.status()
    }
}

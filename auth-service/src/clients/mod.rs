//! The use cases around OAuth clients: who they are, for requests, from a registry that lags by half a second at most; and how they are made, changed
//! and ended.

mod administration;
mod error;
mod registered;
mod registry;
mod snapshot;

use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

pub use self::administration::{
    Administration, AdministrationError, AdministrationParts, AdministrationSettings, Changed, Declared,
    DeclaredSecret, Switched,
};
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
    /// A token that rests on it takes a time that was read **before** this was called: so it lies before whatever cut
    /// follows the client's being switched off, however long this process stands still afterwards.
    ///
    /// # Errors
    /// When the database cannot say: 503.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<RegisteredClient>>, ClientsError> {
        Ok(self.registry.snapshot().await?.find(id))
    }

    /// Whether a public client has a redirect URI of that origin. Where the database cannot say, the last reading does:
    /// this decides who may read an answer, not what the answer is.
    pub async fn has_public_origin(&self, origin: &str) -> bool {
        match self.registry.snapshot().await {
            Ok(snapshot) => snapshot.has_public_origin(origin),
            Err(_) => {
                self.registry.last_snapshot().is_some_and(|snapshot| snapshot.has_public_origin(origin))
            }
        }
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

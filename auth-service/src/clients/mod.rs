//! The use cases around OAuth clients: requests find clients in a registry that lags behind the database by at most
//! half a second; commands, the configuration and maintenance create, change and delete them.

mod administration;
mod error;
mod metadata;
mod registered;
mod registry;
mod snapshot;

use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

pub use self::administration::{
    Administration, AdministrationError, AdministrationSettings, Changed, Declared, DeclaredSecret, Switched,
};
pub use self::error::ClientsError;
pub use self::metadata::{ClientMetadata, CurrentMetadata, Lifetime};
pub use self::registered::RegisteredClient;
use self::registry::Registry;
pub use self::registry::RegistryStatus;

/// The parts that [`Clients`] is built from.
pub struct ClientParts {
    /// The database.
    pub database: Database,
    /// The clock.
    pub clock: SharedClock,
}

/// Finds clients for requests. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    registry: Arc<Registry>,
}

impl Clients {
    /// Builds the registry from its parts.
    pub fn new(parts: ClientParts) -> Self {
        Self { registry: Arc::new(Registry::new(parts.database, parts.clock)) }
    }

    /// Finds the client with this id, active or not. The result is what the database had at most half a second ago,
    /// or a reading that was begun after this call.
    ///
    /// A token that is issued because of the result must be dated with a time that was read **before** this call. So
    /// the token's time is earlier than the cut of any later disabling of the client, even if this process is paused
    /// in between.
    ///
    /// # Errors
    /// The database failed: 503.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<RegisteredClient>>, ClientsError> {
        Ok(self.registry.snapshot().await?.find(id))
    }

    /// Whether a public client has a redirect URI with this origin. If the database fails, the last reading is used:
    /// the result decides only who may read a response, not what the response is.
    pub async fn has_public_origin(&self, origin: &str) -> bool {
        match self.registry.snapshot().await {
            Ok(snapshot) => snapshot.has_public_origin(origin),
            Err(_) => {
                self.registry.last_snapshot().is_some_and(|snapshot| snapshot.has_public_origin(origin))
            }
        }
    }

    /// Drops the last reading because a client was changed in this process.
    pub fn changed(&self) {
        self.registry.invalidate();
    }

    /// The state of the last reading, for metrics.
    pub fn status(&self) -> RegistryStatus {
        self.registry.status()
    }
}

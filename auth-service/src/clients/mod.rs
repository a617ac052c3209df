//! The use cases around OAuth clients: requests find clients in a registry that lags behind the database by at most
//! half a second; commands, the configuration and maintenance create, change and delete them.

mod administration;
mod metadata;
mod registry;
mod snapshot;

use std::sync::Arc;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;

pub use self::administration::{
    ActivationChange, Administration, AdministrationError, AdministrationSettings, ChangedClient,
    ClientDeclaration, DeclaredSecret,
};
pub use self::metadata::{ClientMetadata, CurrentMetadata, Lifetime};
use self::registry::Registry;
pub use self::registry::RegistryStatus;
use crate::domain::{Client, ClientSecret, ClientSecretPlain};

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
    pub fn invalidate(&self) {
        self.registry.invalidate();
    }

    /// The state of the last reading, for metrics.
    pub fn status(&self) -> RegistryStatus {
        self.registry.status()
    }
}

/// A client and its secrets.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// The client, active or not.
    pub client: Client,
    /// Its secrets: none for a public client, two during a rotation. Expired ones may be among them.
    pub secrets: Vec<ClientSecret>,
}

impl RegisteredClient {
    /// Whether `secret` is one of the secrets that are valid at `now_ms`. Compares with every secret in constant
    /// time, so that the time does not tell how much of a guess is right.
    pub fn accepts(&self, secret: &ClientSecretPlain, now_ms: i64) -> bool {
        let presented = secret.hash();
        let valid = self.secrets.iter().filter(|known| known.is_valid(now_ms));
        // Counts the matches, because `any` would stop at the first one.
        valid.filter(|known| known.hash == presented).count() > 0
    }
}

/// Why clients could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ClientsError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
        }
    }
}

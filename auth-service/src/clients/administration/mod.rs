//! Creates, changes, disables and deletes clients: for an operator's command, for the configuration, and for
//! maintenance.
//!
//! Any process may do this at any time. Each change takes the lock, then reads the client and decides.

mod change;
mod create;
mod declare;
mod delete;
mod error;
mod list;
mod rotate_secret;
mod switch;
mod update;

use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

use self::change::{Change, Committed};
pub use self::declare::{Declared, DeclaredSecret};
pub use self::error::AdministrationError;
pub use self::switch::Switched;
use super::{Clients, RegisteredClient};
use crate::domain::{ClientSecretPlain, Origin};
use crate::random::Random;

/// The settings that concern clients.
#[derive(Clone, Debug)]
pub struct AdministrationSettings {
    /// The audience of a client whose description has none.
    pub audience: String,
    /// The lifetime of access tokens, in seconds, for clients without a lifetime of their own.
    pub access_ttl_s: i64,
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
}

/// The parts that [`Administration`] is built from.
pub struct AdministrationParts {
    /// This process's view of the clients. It is read again after a change.
    pub clients: Clients,
    /// The database.
    pub database: Database,
    /// The clock.
    pub clock: SharedClock,
    /// The source of randomness.
    pub random: Random,
    /// The settings that concern clients.
    pub settings: AdministrationSettings,
}

/// The use cases for managing clients. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    parts: Arc<AdministrationParts>,
    origin: Origin,
}

/// A client that was created or changed.
#[derive(Debug)]
pub struct Changed {
    /// The client after the change.
    pub registered: RegisteredClient,
    /// Its new secret, if it got one: shown now and never again.
    pub secret: Option<ClientSecretPlain>,
}

impl Administration {
    /// Builds the use cases. Changes are recorded as caused by the service itself.
    pub fn new(parts: AdministrationParts) -> Self {
        Self { parts: Arc::new(parts), origin: Origin::system() }
    }

    /// Records changes as caused by this origin.
    #[must_use]
    pub fn caused_by(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Runs `work` under the lock. Its audit events are written in the same transaction and logged after the commit,
    /// and this process's view of the clients is invalidated.
    async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Change<'_>) -> Result<T, AdministrationError> + Send + 'static,
    ) -> Result<(T, Option<i64>), AdministrationError> {
        let (parts, origin) = (Arc::clone(&self.parts), self.origin.clone());
        let changed: Result<(T, Committed), AdministrationError> = self
            .parts
            .database
            .write(move |conn| {
                let mut change = Change::begin(conn, &parts, origin.clone())?;
                let value = work(&mut change)?;
                Ok((value, change.finish()?))
            })
            .await;
        let (value, committed) = changed?;
        committed.events.iter().for_each(crate::domain::AuditEvent::log);
        self.parts.clients.changed();
        Ok((value, committed.seq))
    }

    /// Generates a random secret.
    fn new_secret(&self) -> ClientSecretPlain {
        ClientSecretPlain::from_random(self.parts.random.bytes())
    }
}

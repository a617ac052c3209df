//! How clients are made, changed and ended: by an operator's command, by the configuration, by maintenance.
//!
//! Any process may do it at any time. Each takes the lock, reads the client and decides then.

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

/// What of the settings concerns clients.
#[derive(Clone, Debug)]
pub struct AdministrationSettings {
    /// The audience of a client that names none.
    pub audience: String,
    /// Life of an access token of a client that has none of its own.
    pub access_ttl_s: i64,
    /// How far the clocks of replicas may be apart.
    pub clock_skew_ms: i64,
}

/// What [`Administration`] works with.
pub struct AdministrationParts {
    /// The clients as this process knows them, to be read again after a change.
    pub clients: Clients,
    /// The truth.
    pub database: Database,
    /// The time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// What of the settings concerns clients.
    pub settings: AdministrationSettings,
}

/// Who may change clients. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    parts: Arc<AdministrationParts>,
    origin: Origin,
}

/// A client that was made or changed.
#[derive(Debug)]
pub struct Changed {
    /// As it stands.
    pub registered: RegisteredClient,
    /// A secret that it got: shown now and never again.
    pub secret: Option<ClientSecretPlain>,
}

impl Administration {
    /// Administration by the service itself.
    pub fn new(parts: AdministrationParts) -> Self {
        Self { parts: Arc::new(parts), origin: Origin::system() }
    }

    /// The same, by this one.
    #[must_use]
    pub fn caused_by(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Runs `work` under the lock; what it did is recorded with it, told after it, and known here at once.
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

    /// A secret that nobody had.
    fn new_secret(&self) -> ClientSecretPlain {
        ClientSecretPlain::from_random(self.parts.random.bytes())
    }
}

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

use self::change::RegistryChange;
pub use self::declare::{Declared, DeclaredSecret};
pub use self::error::AdministrationError;
pub use self::switch::Switched;
use super::{Clients, RegisteredClient};
use crate::domain::{ClientSecretPlain, Initiator};
use crate::storage::{Committed, UnitOfWork};

/// The settings that concern clients.
#[derive(Clone, Debug)]
pub struct AdministrationSettings {
    /// The audience of a client whose metadata has none.
    pub audience: String,
    /// The lifetime of access tokens, in seconds, for clients without a lifetime of their own.
    pub access_ttl_s: i64,
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
}

/// The use cases for managing clients. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    inner: Arc<Inner>,
    initiator: Initiator,
}

struct Inner {
    unit_of_work: UnitOfWork,
    clients: Clients,
    settings: AdministrationSettings,
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
    /// Builds the use cases. `clients` is this process's view of the clients, which is read again after a change. Changes
    /// are recorded as caused by the service itself.
    pub fn new(unit_of_work: UnitOfWork, clients: Clients, settings: AdministrationSettings) -> Self {
        Self { inner: Arc::new(Inner { unit_of_work, clients, settings }), initiator: Initiator::system() }
    }

    /// Records changes as made by this initiator.
    #[must_use]
    pub fn caused_by(self, initiator: Initiator) -> Self {
        Self { initiator, ..self }
    }

    /// Runs `work` under the registry's lock, in one unit of work. After the commit, this process's view of the clients
    /// is read again.
    async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&mut RegistryChange<'_, '_>) -> Result<T, AdministrationError> + Send + 'static,
    ) -> Result<Committed<T>, AdministrationError> {
        let (inner, initiator) = (Arc::clone(&self.inner), self.initiator.clone());
        let changed = self.inner.unit_of_work.commit(move |transaction| {
            let mut change = RegistryChange::begin(transaction, &inner.settings, &initiator)?;
            let value = work(&mut change)?;
            change.finish()?;
            Ok::<_, AdministrationError>(value)
        });
        let committed = changed.await?;
        self.inner.clients.changed();
        Ok(committed)
    }

    /// Generates a random secret.
    fn new_secret(&self) -> ClientSecretPlain {
        ClientSecretPlain::from_random(self.inner.unit_of_work.random().bytes())
    }
}

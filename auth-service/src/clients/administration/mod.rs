//! Creates, changes, disables and deletes clients: for an operator's command, for the configuration, and for
//! maintenance.
//!
//! Any process may do this at any time. Each change takes the lock, then reads the client and decides.

mod activation;
mod change;
mod declare;

use std::sync::Arc;

use service_kit::database::DatabaseError;

pub use self::activation::ActivationChange;
use self::change::RegistryChange;
pub use self::declare::{ClientDeclaration, DeclaredSecret};
use super::{ClientMetadata, Clients, CurrentMetadata, RegisteredClient};
use crate::domain::{
    AuditKind, Client, ClientId, ClientSecretPlain, Initiator, InvalidClient, InvalidClientId,
};
use crate::storage::{Committed, UnitOfWork, client_secrets, clients};

/// Why a change of clients did not happen. The text is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such client.
    #[error("there is no client {0}")]
    Unknown(String),
    /// There is a client with this id already.
    #[error("there is a client {0} already")]
    Taken(String),
    /// The id is not valid.
    #[error("{0}")]
    Id(#[from] InvalidClientId),
    /// The metadata is not valid.
    #[error("{0}")]
    Invalid(#[from] InvalidClient),
    /// A public client has no secret.
    #[error("{0} is a public client: it has no secret")]
    NoSecret(String),
}

/// The settings that concern clients.
#[derive(Clone, Debug)]
pub struct AdministrationSettings {
    /// The audience of a client whose metadata has none.
    pub audience: String,
    /// The lifetime of access tokens, in seconds, for clients without a lifetime of their own.
    pub access_ttl_s: i64,
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
    /// Whether the issuer is reached on this machine only, so that clients may be called by plain `http`.
    pub is_local: bool,
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
pub struct ChangedClient {
    /// The client after the change.
    pub registered: RegisteredClient,
    /// Its new secret, if it got one. The plain secret is not stored, so it can only be shown now.
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

    /// Lists all clients, ordered by id.
    pub async fn list(&self) -> Result<Vec<RegisteredClient>, AdministrationError> {
        let listed = self.inner.unit_of_work.database().snapshot(|conn| {
            let clients = clients::all(conn)?.or_log("clients").into_iter();
            let registered = clients.map(|client| {
                let secrets = client_secrets::of_client(conn, client.id.as_str())?;
                Ok::<_, AdministrationError>(RegisteredClient { client, secrets })
            });
            registered.collect()
        });
        listed.await
    }

    /// Reads one client.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn show(&self, id: &str) -> Result<RegisteredClient, AdministrationError> {
        let id = id.to_owned();
        let shown = self.inner.unit_of_work.database().snapshot(move |conn| {
            let Some(client) = clients::find(conn, &id)? else {
                return Err(AdministrationError::Unknown(id));
            };
            let secrets = client_secrets::of_client(conn, &id)?;
            Ok(RegisteredClient { client, secrets })
        });
        shown.await
    }

    /// Creates a client. Without an id, one is generated. A confidential client gets a secret.
    ///
    /// # Errors
    /// [`AdministrationError::Taken`], [`AdministrationError::Invalid`].
    pub async fn create(
        &self,
        id: Option<ClientId>,
        metadata: ClientMetadata,
    ) -> Result<ChangedClient, AdministrationError> {
        let id = match id {
            Some(id) => id,
            None => self.generate_id()?,
        };
        let audiences = metadata.audiences.or_else(|| Some(vec![self.inner.settings.audience.clone()]));
        let metadata = ClientMetadata { audiences, ..metadata };
        let client = metadata.apply(&Client::blank(id, self.inner.unit_of_work.clock().now_ms()))?;
        client.check_for_issuer(self.inner.settings.is_local)?;
        let secret = (!client.is_public).then(|| self.generate_secret());
        let hash = secret.as_ref().map(ClientSecretPlain::hash);
        let created = self.change(move |change| {
            let now_ms = change.now_ms;
            let client = Client { created_at_ms: now_ms, updated_at_ms: now_ms, ..client.clone() };
            change.insert(&client)?;
            let id = client.id.as_str();
            if let Some(hash) = &hash {
                change.set_secret(id, hash, 0)?;
            }
            change.record(AuditKind::ClientCreated, id, |event| event);
            change.registered(id)
        });
        let registered = created.await?.value;
        Ok(ChangedClient { registered, secret })
    }

    /// Changes the given properties, and no others. A client that becomes confidential gets a secret; a client that
    /// becomes public loses its secret. Tokens that were issued before stay valid until they expire.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::Invalid`].
    pub async fn update(
        &self,
        id: &str,
        metadata: ClientMetadata,
    ) -> Result<ChangedClient, AdministrationError> {
        let secret = self.generate_secret();
        let (id, hash) = (id.to_owned(), secret.hash());
        let is_local = self.inner.settings.is_local;
        let updated = self.change(move |change| {
            let before = change.find(&id)?;
            let client = Client { is_declared: false, ..metadata.apply(&before)? };
            client.check_for_issuer(is_local)?;
            if client != before {
                change.update(&client)?;
            }
            let gets_secret = before.is_public && !client.is_public;
            if gets_secret {
                change.set_secret(&id, &hash, 0)?;
            } else if client.is_public {
                client_secrets::delete_all(change.conn(), &id)?;
            }
            if let Some(names) = CurrentMetadata::of(&client).changed_from(&CurrentMetadata::of(&before)) {
                change.record(AuditKind::ClientUpdated, &id, |event| event.subject(names));
            }
            Ok((change.registered(&id)?, gets_secret))
        });
        let (registered, gets_secret) = updated.await?.value;
        Ok(ChangedClient { registered, secret: gets_secret.then_some(secret) })
    }

    /// Gives a client a new secret. The previous one stays valid for `keep_old_s` seconds; any older one ends at
    /// once.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::NoSecret`].
    pub async fn rotate_secret(
        &self,
        id: &str,
        keep_old_s: i64,
    ) -> Result<ChangedClient, AdministrationError> {
        let secret = self.generate_secret();
        let (id, hash) = (id.to_owned(), secret.hash());
        let rotated = self.change(move |change| {
            let client = change.find(&id)?;
            if client.is_public {
                return Err(AdministrationError::NoSecret(id.clone()));
            }
            change.set_secret(&id, &hash, keep_old_s)?;
            change.update(&Client { is_declared: false, ..client })?;
            change.record(AuditKind::ClientSecretRotated, &id, |event| event);
            change.registered(&id)
        });
        let registered = rotated.await?.value;
        Ok(ChangedClient { registered, secret: Some(secret) })
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
        self.inner.clients.invalidate();
        Ok(committed)
    }

    /// Generates a random id that cannot be confused with a user's id.
    fn generate_id(&self) -> Result<ClientId, AdministrationError> {
        let id = hex::encode(self.inner.unit_of_work.random().bytes::<12>());
        Ok(ClientId::parse(&format!("client-{id}"))?)
    }

    fn generate_secret(&self) -> ClientSecretPlain {
        ClientSecretPlain::from_random(self.inner.unit_of_work.random().bytes())
    }
}

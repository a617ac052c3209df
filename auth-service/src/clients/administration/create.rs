//! Creates a client.

use super::{Administration, AdministrationError, Changed};
use crate::clients::ClientMetadata;
use crate::domain::{AuditKind, Client, ClientId};

impl Administration {
    /// Creates a client. Without an id, one is generated. A confidential client gets a secret.
    ///
    /// # Errors
    /// [`AdministrationError::Taken`], [`AdministrationError::Invalid`].
    pub async fn create(
        &self,
        id: Option<ClientId>,
        metadata: ClientMetadata,
    ) -> Result<Changed, AdministrationError> {
        let id = match id {
            Some(id) => id,
            None => self.new_id()?,
        };
        let audiences = metadata.audiences.or_else(|| Some(vec![self.inner.settings.audience.clone()]));
        let metadata = ClientMetadata { audiences, ..metadata };
        let client = metadata.apply(&Client::blank(id, self.inner.unit_of_work.clock().now_ms()))?;
        let secret = (!client.is_public).then(|| self.new_secret());
        let hash = secret.as_ref().map(crate::domain::ClientSecretPlain::hash);
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
        Ok(Changed { registered, secret })
    }

    /// Generates a random id that cannot be confused with a user's id.
    fn new_id(&self) -> Result<ClientId, AdministrationError> {
        let id = hex::encode(self.inner.unit_of_work.random().bytes::<12>());
        Ok(ClientId::parse(&format!("client-{id}"))?)
    }
}

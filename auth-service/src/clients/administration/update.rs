//! Updates the metadata of a client.

use super::{Administration, AdministrationError, Changed};
use crate::clients::metadata::{ClientMetadata, CurrentMetadata};
use crate::domain::{AuditKind, Client};
use crate::storage::client_secrets;

impl Administration {
    /// Changes the given properties, and no others. A client that becomes confidential gets a secret; a client that
    /// becomes public loses its secret. Tokens that were issued before stay valid until they expire.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::Invalid`].
    pub async fn update(&self, id: &str, metadata: ClientMetadata) -> Result<Changed, AdministrationError> {
        let secret = self.new_secret();
        let (id, hash) = (id.to_owned(), secret.hash());
        let updated = self.change(move |change| {
            let before = change.find(&id)?;
            let client = Client { is_declared: false, ..metadata.apply(&before)? };
            let changed = CurrentMetadata::of(&client).changed_from(&CurrentMetadata::of(&before));
            if client != before {
                change.update(&client)?;
            }
            let gets_secret = before.is_public && !client.is_public;
            if gets_secret {
                change.set_secret(&id, &hash, 0)?;
            } else if client.is_public {
                client_secrets::delete_all(change.conn(), &id)?;
            }
            if let Some(names) = changed {
                change.record(AuditKind::ClientUpdated, &id, |event| event.subject(names));
            }
            Ok((change.registered(&id)?, gets_secret))
        });
        let (registered, gets_secret) = updated.await?.value;
        Ok(Changed { registered, secret: gets_secret.then_some(secret) })
    }
}

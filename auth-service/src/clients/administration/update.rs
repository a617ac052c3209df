//! Updates the description of a client.

use super::{Administration, AdministrationError, Changed};
use crate::domain::{AuditKind, Client, ClientChange, ClientField};
use crate::storage::client_secrets;

impl Administration {
    /// Changes the given properties, and no others. A client that becomes confidential gets a secret; a client that
    /// becomes public loses its secret. Tokens that were issued before stay valid until they expire.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::Invalid`].
    pub async fn update(&self, id: &str, changed: ClientChange) -> Result<Changed, AdministrationError> {
        let secret = self.new_secret();
        let (id, hash) = (id.to_owned(), secret.hash());
        let updated = self.change(move |change| {
            let before = change.find(&id)?;
            let client = Client { is_declared: false, ..changed.apply(&before)? };
            let differs = client.differs_in(&before);
            if client != before {
                change.update(&client)?;
            }
            let gets_secret = before.is_public && !client.is_public;
            if gets_secret {
                change.set_secret(&id, &hash, 0)?;
            } else if client.is_public {
                client_secrets::delete_all(change.conn(), &id)?;
            }
            if !differs.is_empty() {
                change.record(AuditKind::ClientUpdated, &id, |event| event.subject(named(&differs)));
            }
            Ok((change.registered(&id)?, gets_secret))
        });
        let (registered, gets_secret) = updated.await?.value;
        Ok(Changed { registered, secret: gets_secret.then_some(secret) })
    }
}

/// The names of the changed fields, for the audit event.
pub(super) fn named(fields: &[ClientField]) -> String {
    fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(" ")
}

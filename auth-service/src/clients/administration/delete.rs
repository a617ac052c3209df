//! Deletes a client.

use super::{Administration, AdministrationError, Switched};
use crate::domain::AuditKind;
use crate::storage::clients;

impl Administration {
    /// Disables a client, then deletes it. Its id may be used again; what was issued to the deleted client stays
    /// revoked.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn delete(&self, id: &str) -> Result<Switched, AdministrationError> {
        let mut seq = None;
        loop {
            self.switch_off(id).await?;
            seq = self.cut(id).await?.or(seq);
            let id = id.to_owned();
            let deleted = self.change(move |change| {
                let registered = change.registered(&id)?;
                if registered.client.is_active || clients::is_cut_due(change.conn(), &id)? {
                    // The client was enabled in the meantime.
                    return Ok(None);
                }
                change.end_stragglers(&id)?;
                clients::delete(change.conn(), &id)?;
                change.record(AuditKind::ClientDeleted, &id, |event| event);
                Ok(Some(registered))
            });
            if let Some(registered) = deleted.await?.value {
                return Ok(Switched { registered, seq });
            }
        }
    }
}

//! Rotates a client's secret.

use super::{Administration, AdministrationError, Changed};
use crate::domain::{AuditKind, Client};

impl Administration {
    /// Gives a client a new secret. The previous one stays valid for `keep_old_s` seconds; any older one ends at
    /// once.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`], [`AdministrationError::NoSecret`].
    pub async fn rotate_secret(&self, id: &str, keep_old_s: i64) -> Result<Changed, AdministrationError> {
        let secret = self.new_secret();
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
        Ok(Changed { registered, secret: Some(secret) })
    }
}

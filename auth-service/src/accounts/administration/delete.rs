//! Removes a user.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::AuditKind;
use crate::storage::users;

impl Administration {
    /// Removes a user and revokes every token. The revocation fact and the audit event remain after the user is gone.
    pub async fn delete(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            change.end_all()?;
            change.record(AuditKind::UserDeleted)?;
            Ok(users::delete(change.conn, change.user.id)?)
        })
        .await
    }
}

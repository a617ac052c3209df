//! Removal.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::AuditKind;
use crate::storage::users;

impl Administration {
    /// Removes a user, and revokes every token: that fact, and the record, outlive the user.
    pub async fn delete(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            change.end_all()?;
            change.record(AuditKind::UserDeleted)?;
            Ok(users::delete(change.conn, change.user.id)?)
        })
        .await
    }
}

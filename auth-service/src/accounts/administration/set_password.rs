//! Another password.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::{AuditKind, PasswordHash};
use crate::storage::users;

impl Administration {
    /// Replaces the password, and ends every session and token: whoever knew the old one may hold some.
    pub async fn set_password(&self, who: &str, hash: PasswordHash) -> Result<Option<Changed>, AccountError> {
        self.change(who, move |change| {
            users::set_password(change.conn, change.user.id, &hash, change.now_ms)?;
            change.end_all()?;
            change.record(AuditKind::PasswordChanged)
        })
        .await
    }
}

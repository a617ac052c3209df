//! Sets a user's password.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::{AuditKind, PasswordHash};
use crate::storage::users;

impl Administration {
    /// Replaces the password, ends every session and revokes every token: anyone who knew the old password may hold
    /// some.
    pub async fn set_password(&self, who: &str, hash: PasswordHash) -> Result<Option<Changed>, AccountError> {
        self.change(who, move |change| {
            users::set_password(change.conn, change.user.id, &hash, change.now_ms)?;
            change.end_all()?;
            change.record(AuditKind::PasswordChanged)
        })
        .await
    }
}

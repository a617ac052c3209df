//! Disables and enables a user.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::AuditKind;
use crate::storage::users;

impl Administration {
    /// Disables a user, ends every session and revokes every token, including those of a login that is in progress.
    /// For a user who is disabled already, it revokes again whatever may be left.
    pub async fn disable(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            users::set_active(change.conn, change.user.id, false, change.now_ms)?;
            change.end_all()?;
            change.record(AuditKind::UserDisabled)
        })
        .await
    }

    /// Enables a user. Sessions and tokens that were ended stay ended.
    pub async fn enable(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            // If the user is enabled already, nothing changes: otherwise a login in progress would fail for no
            // reason.
            if change.user.is_active {
                return Ok(());
            }
            users::set_active(change.conn, change.user.id, true, change.now_ms)?;
            change.record(AuditKind::UserEnabled)
        })
        .await
    }
}

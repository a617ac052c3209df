//! Off and on.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::AuditKind;
use crate::storage::users;

impl Administration {
    /// Switches a user off, and ends every session and token, those of a login under way included. One that is off
    /// already: ends what there may be all the same.
    pub async fn disable(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            users::set_active(change.conn, change.user.id, false, change.now_ms)?;
            change.end_all()?;
            change.record(AuditKind::UserDisabled)
        })
        .await
    }

    /// Switches a user on. What was ended stays so.
    pub async fn enable(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            // A login under way of one who is on need not fail.
            if change.user.is_active {
                return Ok(());
            }
            users::set_active(change.conn, change.user.id, true, change.now_ms)?;
            change.record(AuditKind::UserEnabled)
        })
        .await
    }
}

//! Revokes every token of a user, who may log in again.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::AuditKind;

impl Administration {
    /// Ends every session of a user and revokes every token.
    pub async fn revoke_tokens(&self, who: &str) -> Result<Option<Changed>, AccountError> {
        self.change(who, |change| {
            change.end_all()?;
            change.record(AuditKind::UserTokensRevoked)
        })
        .await
    }
}

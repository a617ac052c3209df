//! Other roles.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::{AuditKind, RoleNames};
use crate::storage::users;

impl Administration {
    /// Replaces the roles. Where one is taken away, access tokens that still carry it are revoked; sessions go on, and the
    /// next refresh gives tokens with the new roles. Where roles are only added, tokens go on without them until then.
    pub async fn set_roles(&self, who: &str, roles: RoleNames) -> Result<Option<Changed>, AccountError> {
        self.change(who, move |change| {
            if change.user.roles == roles.as_slice() {
                return Ok(());
            }
            users::set_roles(change.conn, change.user.id, roles.as_slice(), change.now_ms)?;
            if roles.take_away_from(&change.user.roles) {
                change.end_access_tokens()?;
            }
            change.record_about(AuditKind::RolesChanged, roles.as_slice().join(" "))
        })
        .await
    }
}

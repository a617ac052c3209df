//! Sets a user's roles.

use super::{Administration, Changed};
use crate::accounts::AccountError;
use crate::domain::{AuditKind, RoleNames};
use crate::storage::users;

impl Administration {
    /// Replaces the roles. If a role is removed, access tokens that still carry it are revoked; sessions continue,
    /// and the next refresh issues a token with the new roles. If roles are only added, existing access tokens stay
    /// valid and the next refresh adds the new roles.
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

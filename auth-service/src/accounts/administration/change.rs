//! Changes of one user.

use std::sync::Arc;

use super::{Administration, Inner};
use crate::accounts::AccountError;
use crate::domain::{AuditEvent, AuditKind, EndReason, PasswordHash, RoleNames, User};
use crate::storage::{Transaction, users};

impl Administration {
    /// Disables a user, ends every session and revokes every token, including those of a login that is in progress.
    /// For a user who is disabled already, it revokes again whatever may be left.
    pub async fn disable(&self, who: &str) -> Result<Option<User>, AccountError> {
        self.change(who, |inner, transaction, user| {
            let now_ms = transaction.now_ms();
            users::set_active(transaction.conn(), user.id, false, now_ms)?;
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::UserDisabled, user));
            Ok(())
        })
        .await
    }

    /// Enables a user. Sessions and tokens that were ended stay ended.
    pub async fn enable(&self, who: &str) -> Result<Option<User>, AccountError> {
        self.change(who, |inner, transaction, user| {
            // If the user is enabled already, nothing changes: otherwise a login in progress would fail for no
            // reason.
            if user.is_active {
                return Ok(());
            }
            let now_ms = transaction.now_ms();
            users::set_active(transaction.conn(), user.id, true, now_ms)?;
            transaction.record(inner.event(AuditKind::UserEnabled, user));
            Ok(())
        })
        .await
    }

    /// Replaces the password, ends every session and revokes every token: anyone who knew the old password may hold
    /// some.
    pub async fn set_password(&self, who: &str, hash: PasswordHash) -> Result<Option<User>, AccountError> {
        self.change(who, move |inner, transaction, user| {
            let now_ms = transaction.now_ms();
            users::set_password(transaction.conn(), user.id, &hash, now_ms)?;
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::PasswordChanged, user));
            Ok(())
        })
        .await
    }

    /// Replaces the roles. If a role is removed, access tokens that still carry it are revoked; sessions continue,
    /// and the next refresh issues a token with the new roles. If roles are only added, existing access tokens stay
    /// valid and the next refresh adds the new roles.
    pub async fn set_roles(&self, who: &str, roles: RoleNames) -> Result<Option<User>, AccountError> {
        self.change(who, move |inner, transaction, user| {
            if user.roles == roles.as_slice() {
                return Ok(());
            }
            let now_ms = transaction.now_ms();
            users::set_roles(transaction.conn(), user.id, roles.as_slice(), now_ms)?;
            if roles.take_away_from(&user.roles) {
                inner.cuts.cut(transaction, user)?;
            }
            let event = inner.event(AuditKind::RolesChanged, user);
            transaction.record(event.subject(roles.as_slice().join(" ")));
            Ok(())
        })
        .await
    }

    /// Ends every session of a user and revokes every token.
    pub async fn revoke_tokens(&self, who: &str) -> Result<Option<User>, AccountError> {
        self.change(who, |inner, transaction, user| {
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::UserTokensRevoked, user));
            Ok(())
        })
        .await
    }

    /// Removes a user and revokes every token. The revocation fact and the audit event remain after the user is gone.
    pub async fn delete(&self, who: &str) -> Result<Option<User>, AccountError> {
        self.change(who, |inner, transaction, user| {
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::UserDeleted, user));
            Ok(users::delete(transaction.conn(), user.id)?)
        })
        .await
    }

    /// Runs `work` on the user with this name or id, under the user's row lock. Returns the user after the change (after
    /// a removal: as it was before), or `None` if there is no such user.
    async fn change<W>(&self, who: &str, work: W) -> Result<Option<User>, AccountError>
    where
        W: Fn(&Inner, &mut Transaction<'_>, &User) -> Result<(), AccountError> + Send + 'static,
    {
        let Some(found) = self.find(who).await? else { return Ok(None) };
        let inner = Arc::clone(&self.inner);
        let changed = self.inner.unit_of_work.commit(move |transaction| {
            let Some(locked) = users::lock(transaction.conn(), found.id)? else { return Ok(None) };
            work(&inner, transaction, &locked.user)?;
            let user = users::find(transaction.conn(), locked.user.id)?.unwrap_or(locked.user);
            Ok::<_, AccountError>(Some(user))
        });
        Ok(changed.await?.value)
    }
}

impl Inner {
    /// Ends every session of the user and revokes every token.
    fn end_all(&self, transaction: &mut Transaction<'_>, user: &User) -> Result<(), AccountError> {
        Ok(self.cuts.end_all(transaction, user, EndReason::Administration)?)
    }

    /// An audit event about the user.
    fn event(&self, kind: AuditKind, user: &User) -> AuditEvent {
        AuditEvent::new(kind, &self.initiator).user(user.id)
    }
}

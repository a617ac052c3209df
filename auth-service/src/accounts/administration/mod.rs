//! The use cases for managing users from the command line.
//!
//! Each change is one unit of work that holds the user's row lock. So a concurrent login or refresh either committed
//! before and is revoked with the rest, or waits for the lock and then sees the changed user.

mod create;
mod locks;
mod mail;
mod profile;

use std::sync::Arc;

use uuid::Uuid;

pub use self::create::{CreateUserRequest, ImportOutcome, UserCreation, UserDetails, UserImport};
pub use self::locks::UserLock;
pub use self::mail::Invited;
use super::AccountError;
use super::links::end_links_and_pending_address;
use super::locks::forget_guesses;
use crate::domain::{AuditEvent, AuditKind, EndReason, Initiator, PasswordHash, RoleNames, User, Username};
use crate::storage::{Transaction, UnitOfWork, users};
use crate::tokens::CutRules;

/// The use cases for managing users. Cheap to clone.
#[derive(Clone)]
pub struct Administration {
    inner: Arc<Inner>,
}

struct Inner {
    unit_of_work: UnitOfWork,
    cuts: CutRules,
    initiator: Initiator,
}

impl Administration {
    /// Builds the use cases. `cuts` says what the end of a user's tokens has to cover, and audit events name
    /// `initiator`.
    pub fn new(unit_of_work: UnitOfWork, cuts: CutRules, initiator: Initiator) -> Self {
        Self { inner: Arc::new(Inner { unit_of_work, cuts, initiator }) }
    }
    /// Finds the user with this id or name.
    ///
    /// # Errors
    /// [`AccountError::Ambiguous`] if the text is the id of one user and the name of another. New names must not look
    /// like ids, but older users may have such names.
    pub async fn find(&self, name_or_id: &str) -> Result<Option<User>, AccountError> {
        let id = name_or_id.parse::<Uuid>().ok();
        let key = Username::parse(name_or_id).ok().map(|name| name.key().to_owned());
        let found = self.inner.unit_of_work.database().read(move |conn| {
            let by_id = id.map(|id| users::find(conn, id)).transpose()?.flatten();
            let by_name = key.map(|key| users::find_by_name(conn, &key)).transpose()?.flatten();
            match (by_id, by_name.map(|credentials| credentials.user)) {
                (Some(one), Some(other)) if one.id != other.id => Err(AccountError::Ambiguous),
                (by_id, by_name) => Ok(by_id.or(by_name)),
            }
        });
        found.await
    }

    /// Lists at most `limit` users, ordered by name, starting after the name `after`.
    pub async fn list(&self, after: Option<Username>, limit: i64) -> Result<Vec<User>, AccountError> {
        let listed = self.inner.unit_of_work.database().read(move |conn| {
            Ok::<_, AccountError>(users::list(conn, after.as_ref().map(Username::key), limit)?)
        });
        listed.await
    }

    /// Disables a user, ends every session and revokes every token, including those of a login that is in progress.
    /// For a user who is disabled already, it revokes again whatever may be left.
    pub async fn disable(&self, name_or_id: &str) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, |inner, transaction, user| {
            let now_ms = transaction.now_ms();
            users::set_active(transaction.conn(), user.id, false, now_ms)?;
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::UserDisabled, user));
            Ok(())
        })
        .await
    }

    /// Enables a user. Sessions and tokens that were ended stay ended.
    pub async fn enable(&self, name_or_id: &str) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, |inner, transaction, user| {
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
    pub async fn set_password(
        &self,
        name_or_id: &str,
        hash: PasswordHash,
    ) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, move |inner, transaction, user| {
            let now_ms = transaction.now_ms();
            users::set_password(transaction.conn(), user.id, &hash, now_ms)?;
            inner.end_all(transaction, user)?;
            end_links_and_pending_address(transaction, user.id)?;
            forget_guesses(transaction, user.id)?;
            transaction.record(inner.event(AuditKind::PasswordChanged, user));
            Ok(())
        })
        .await
    }

    /// Replaces the roles. If a role is removed, access tokens that still carry it are revoked; sessions continue,
    /// and the next refresh issues a token with the new roles. If roles are only added, existing access tokens stay
    /// valid and the next refresh adds the new roles.
    pub async fn set_roles(&self, name_or_id: &str, roles: RoleNames) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, move |inner, transaction, user| {
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
    pub async fn revoke_tokens(&self, name_or_id: &str) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, |inner, transaction, user| {
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::UserTokensRevoked, user));
            Ok(())
        })
        .await
    }

    /// Removes a user and revokes every token. The revocation fact and the audit event remain after the user is gone.
    pub async fn delete(&self, name_or_id: &str) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, |inner, transaction, user| {
            inner.end_all(transaction, user)?;
            transaction.record(inner.event(AuditKind::UserDeleted, user));
            Ok(users::delete(transaction.conn(), user.id)?)
        })
        .await
    }

    /// Runs `work` on the user with this name or id, under the user's row lock. Returns the user after the change (after
    /// a removal: as it was before), or `None` if there is no such user.
    async fn change<W>(&self, name_or_id: &str, work: W) -> Result<Option<User>, AccountError>
    where
        W: Fn(&Inner, &mut Transaction<'_>, &User) -> Result<(), AccountError> + Send + 'static,
    {
        let Some(found) = self.find(name_or_id).await? else { return Ok(None) };
        self.change_found(found.id, work).await
    }

    /// Like [`change`](Self::change), for the user with this id.
    async fn change_found<W>(&self, id: Uuid, work: W) -> Result<Option<User>, AccountError>
    where
        W: Fn(&Inner, &mut Transaction<'_>, &User) -> Result<(), AccountError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let changed = self.inner.unit_of_work.commit(move |transaction| {
            let Some(locked) = users::lock(transaction.conn(), id)? else { return Ok(None) };
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

    /// An audit event about the user, caused by the initiator of these use cases.
    fn event(&self, kind: AuditKind, user: &User) -> AuditEvent {
        AuditEvent::new(kind, &self.initiator).user(user.id)
    }
}

//! What a change of the password ends: every session but the one that asks.

use service_kit::database::DatabaseError;
use uuid::Uuid;

use super::TokenError;
use super::login::VerifiedCredentials;
use super::logout::{Step, end_others_of_locked, end_sessions};
use crate::domain::authorization_request::OFFLINE_ACCESS;
use crate::domain::{EndReason, Initiator, Session, User};
use crate::storage::{Transaction, authorization_codes, sessions, users};

impl VerifiedCredentials {
    /// Locks the user, if the credentials are still those that were verified.
    pub(crate) fn lock(&self, transaction: &mut Transaction<'_>) -> Result<Option<User>, DatabaseError> {
        let credentials = users::lock(transaction.conn(), self.user_id)?;
        let same = credentials.filter(|found| found.user.is_active && found.version == self.version);
        Ok(same.map(|same| same.user))
    }
}

/// Ends the sessions of a user except `kept` and what hangs on it, and those with `offline_access` that hang on it. If there
/// are many, only some of them end, and the caller goes on in another transaction. The caller holds the user's lock.
pub(crate) fn end_others_at_password_change(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    kept: Uuid,
    initiator: &Initiator,
) -> Result<Step, TokenError> {
    let reason = EndReason::PasswordChanged;
    if let (Step::More, _) = end_others_of_locked(transaction, user_id, kept, reason, initiator)? {
        return Ok(Step::More);
    }
    let now_ms = transaction.now_ms();
    let mut offline = sessions::live_below(transaction.conn(), kept, now_ms)?;
    offline.retain(Session::is_offline);
    end_sessions(transaction, &offline, reason, initiator)?;
    let unused = authorization_codes::unused_of_browser_session(transaction.conn(), kept)?;
    let is_offline = |scope: &str| scope.split(' ').any(|word| word == OFFLINE_ACCESS);
    let unused = unused.into_iter().filter(|(_, scope)| is_offline(scope));
    let offline: Vec<_> = unused.map(|(hash, _)| hash).collect();
    authorization_codes::delete_some(transaction.conn(), &offline)?;
    Ok(Step::Last)
}

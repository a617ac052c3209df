//! Verifies a username and password. The cost is the same whether or not the user exists.

use super::{AccountError, Accounts};
use crate::domain::{AuditEvent, AuditKind, Credentials, Initiator, Password, Username};
use crate::passwords::Verification;
use crate::storage::users;
use crate::tokens::VerifiedCredentials;

/// The outcome of an authentication.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// The credentials are right. A session begins only if they are still the same when it is stored.
    Verified(VerifiedCredentials),
    /// The user is unknown or disabled, or the password is wrong. The caller does not learn which.
    Refused,
}

impl Accounts {
    /// Verifies a username and a password that were presented by `client_id`. A refusal is recorded with the user's
    /// id. If the name is unknown it is not recorded at all, because it may be a password typed in the wrong field.
    pub async fn authenticate(
        &self,
        username: &str,
        password: &str,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<Authentication, AccountError> {
        let parts = &self.parts;
        let stored = match Username::parse(username) {
            Ok(username) => {
                let key = username.key().to_owned();
                parts
                    .unit_of_work
                    .database()
                    .read(move |conn| Ok::<_, AccountError>(users::find_by_name(conn, &key)?))
                    .await?
            }
            // No user can have a name that does not parse.
            Err(_) => None,
        };
        let refused = refusal(stored.as_ref(), client_id, initiator);
        // A disabled user is treated like an unknown one: the password is verified against the dummy hash.
        let stored = stored.filter(|credentials| credentials.user.is_active);
        let hash = stored.as_ref().map(|credentials| credentials.hash.clone());
        // A password above the size limit cannot be right: the dummy is verified instead, at the same cost.
        let is_possible = !Password::is_out_of_reach(password.len(), parts.password_rules);
        let (password, hash) = if is_possible { (password, hash) } else { ("", None) };
        let verified = parts.passwords.verify(Password::presented(password), hash).await?;
        match (stored, verified) {
            (Some(credentials), Verification::Right { upgraded }) => {
                Ok(Authentication::Verified(VerifiedCredentials {
                    user_id: credentials.user.id,
                    version: credentials.version,
                    upgrade: upgraded.map(|new| (credentials.hash, new)),
                }))
            }
            (None, _) | (_, Verification::Wrong) => {
                parts.refusals.record(refused).await;
                Ok(Authentication::Refused)
            }
        }
    }
}

/// Builds the audit event for a refused login.
fn refusal(stored: Option<&Credentials>, client_id: &str, initiator: &Initiator) -> AuditEvent {
    let event = AuditEvent::new(AuditKind::LoginRefused, initiator).client(client_id);
    match stored.map(|credentials| &credentials.user) {
        None => event.reason("unknown_user"),
        Some(user) if user.is_active => event.user(user.id).reason("wrong_password"),
        Some(user) => event.user(user.id).reason("disabled"),
    }
}

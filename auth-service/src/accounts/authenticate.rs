//! Who is it? The answer costs the same whether or not there is such a user.

use super::{AccountError, Accounts};
use crate::domain::{AuditEvent, AuditKind, Credentials, Origin, Password, Username};
use crate::passwords::Verification;
use crate::storage::users;
use crate::tokens::Proven;

/// What became of a login.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// It is this user; a session is given only if that still holds when it is stored.
    Proven(Proven),
    /// Unknown, switched off, or another password: nobody learns which.
    Refused,
}

impl Accounts {
    /// Verifies a name and a password that came by way of `client_id`. A refusal is recorded: with the user, and never
    /// with a name that nobody has, which may be a password in the wrong field.
    pub async fn authenticate(
        &self,
        username: &str,
        password: &str,
        client_id: &str,
        origin: &Origin,
    ) -> Result<Authentication, AccountError> {
        let parts = &self.parts;
        let stored = match Username::parse(username) {
            Ok(username) => {
                let key = username.key().to_owned();
                parts
                    .database
                    .read(move |conn| Ok::<_, AccountError>(users::find_by_name(conn, &key)?))
                    .await?
            }
            // No user has such a name.
            Err(_) => None,
        };
        let refused = refusal(stored.as_ref(), client_id, origin);
        // A user who is switched off costs the dummy's hash, as nobody does.
        let stored = stored.filter(|credentials| credentials.user.is_active);
        let hash = stored.as_ref().map(|credentials| credentials.hash.clone());
        // Too long to be anybody's: wrong without a look at it, and at the same cost.
        let is_possible = !Password::is_out_of_reach(password.len(), parts.password_rules);
        let (password, hash) = if is_possible { (password, hash) } else { ("", None) };
        let verified = parts.passwords.verify(Password::presented(password), hash).await?;
        match (stored, verified) {
            (Some(credentials), Verification::Right { upgraded }) => Ok(Authentication::Proven(Proven {
                user_id: credentials.user.id,
                version: credentials.version,
                upgrade: upgraded.map(|new| (credentials.hash, new)),
            })),
            (None, _) | (_, Verification::Wrong) => {
                self.refusals.record(refused).await;
                Ok(Authentication::Refused)
            }
        }
    }
}

/// What is recorded if the login comes to nothing.
fn refusal(stored: Option<&Credentials>, client_id: &str, origin: &Origin) -> AuditEvent {
    let event = AuditEvent::new(AuditKind::LoginRefused, origin).client(client_id);
    match stored.map(|credentials| &credentials.user) {
        None => event.reason("unknown_user"),
        Some(user) if user.is_active => event.user(user.id).reason("wrong_password"),
        Some(user) => event.user(user.id).reason("disabled"),
    }
}

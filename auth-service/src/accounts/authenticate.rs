//! Who is it? The answer costs the same whether or not there is such a user.

use super::{AccountError, Accounts};
use crate::domain::{Password, Username};
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
    /// Verifies a name and a password.
    pub async fn authenticate(&self, username: &str, password: &str) -> Result<Authentication, AccountError> {
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
        // A user who is switched off costs the dummy's hash, as nobody does.
        let stored = stored.filter(|credentials| credentials.user.is_active);
        let hash = stored.as_ref().map(|credentials| credentials.hash.clone());
        let verified = parts.passwords.verify(Password::presented(password), hash).await?;
        match (stored, verified) {
            (Some(credentials), Verification::Right { upgraded }) => Ok(Authentication::Proven(Proven {
                user_id: credentials.user.id,
                version: credentials.version,
                upgrade: upgraded.map(|new| (credentials.hash, new)),
            })),
            (None, _) | (_, Verification::Wrong) => Ok(Authentication::Refused),
        }
    }
}

//! Resource owners.

use uuid::Uuid;

use super::{Email, Username};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The subject of this user's tokens.
    pub id: Uuid,
    /// As typed at registration.
    pub username: String,
    /// As typed; proven only when `email_verified`.
    pub email: Option<String>,
    /// Whether the user could read a message sent there.
    pub email_verified: bool,
    /// Whether the user may log in and be issued tokens.
    pub is_active: bool,
    /// What tokens carry as `roles`.
    pub roles: Vec<String>,
    /// The last cut: tokens whose `jti` time is not later are revoked.
    pub token_cut_ms: Option<i64>,
    /// When the user registered.
    pub created_at_ms: i64,
}

/// A password hash and how it was made.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// The scheme's label.
    pub scheme: String,
    /// The hash, in its scheme's own text form.
    pub value: String,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({}, [redacted])", self.scheme)
    }
}

/// A user with what a login is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash.
    pub hash: PasswordHash,
    /// Grows with every change of what a login verifies.
    pub version: i64,
}

/// A user who registers, or is made by an operator.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub username: Username,
    /// The address.
    pub email: Option<Email>,
    /// Whether another system has verified it; never from the one who registers.
    pub email_verified: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// What the operator gave; never from the one who registers.
    pub roles: Vec<String>,
    /// The password's hash.
    pub hash: PasswordHash,
    /// Now.
    pub created_at_ms: i64,
}

impl NewUser {
    /// The user that this becomes.
    pub fn user(&self) -> User {
        User {
            id: self.id,
            username: self.username.as_typed().to_owned(),
            email: self.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: self.email_verified,
            is_active: self.is_active,
            roles: self.roles.clone(),
            token_cut_ms: None,
            created_at_ms: self.created_at_ms,
        }
    }
}

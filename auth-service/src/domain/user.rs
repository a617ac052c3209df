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

/// A user who registers.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub username: Username,
    /// The address, not verified.
    pub email: Option<Email>,
    /// What the operator gave; never from the one who registers.
    pub roles: Vec<String>,
    /// The password's hash.
    pub hash: PasswordHash,
    /// Now.
    pub created_at_ms: i64,
}

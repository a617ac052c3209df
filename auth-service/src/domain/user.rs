//! Users (resource owners).

use uuid::Uuid;

use super::{Email, Username};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id, which is the `sub` of the tokens.
    pub id: Uuid,
    /// The username as it was typed at registration.
    pub username: String,
    /// The e-mail address as it was typed. Only verified if `email_verified` is true.
    pub email: Option<String>,
    /// Whether the user has proven to receive mail at this address.
    pub email_verified: bool,
    /// The address that replaces this one once it is verified.
    pub pending_email: Option<String>,
    /// Whether the user registered without an operator.
    pub is_self_registered: bool,
    /// Whether the user may log in and be issued tokens.
    pub is_active: bool,
    /// The roles that tokens carry in `roles`.
    pub roles: Vec<String>,
    /// The last cut: tokens whose `jti` time is not later are revoked.
    pub token_cut_ms: Option<i64>,
    /// When the user registered.
    pub created_at_ms: i64,
}

/// A password hash and its scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// The label of the scheme.
    pub scheme: String,
    /// The hash, in the text form of the scheme.
    pub value: String,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({}, [redacted])", self.scheme)
    }
}

/// A user with the password hash that a login is verified against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash.
    pub hash: PasswordHash,
    /// Grows with every change of the values that a login depends on.
    pub version: i64,
}

/// A user to insert, who registered or was created by an operator.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub username: Username,
    /// The address.
    pub email: Option<Email>,
    /// Whether the address is verified: another system, or an invitation, has shown that it is the user's. Never taken
    /// from what a registration says. It must not be verified for another user.
    pub email_verified: bool,
    /// Whether the user registers without an operator.
    pub is_self_registered: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// The roles that the operator assigned. Never taken from a registration.
    pub roles: Vec<String>,
    /// The password's hash.
    pub hash: PasswordHash,
    /// When the user is created.
    pub created_at_ms: i64,
}

impl NewUser {
    /// The user as it will be stored.
    pub fn user(&self) -> User {
        User {
            id: self.id,
            username: self.username.as_typed().to_owned(),
            email: self.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: self.email_verified,
            pending_email: None,
            is_self_registered: self.is_self_registered,
            is_active: self.is_active,
            roles: self.roles.clone(),
            token_cut_ms: None,
            created_at_ms: self.created_at_ms,
        }
    }
}

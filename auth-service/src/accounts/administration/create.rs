//! Creates a user for an operator.

use super::{Administration, Inner};
use crate::accounts::{AccountError, RegistrationField};
use crate::domain::{AuditEvent, AuditKind, Email, NewUser, PasswordHash, RoleNames, User, Username};
use crate::storage::{is_unique_violation, users};

/// The unparsed description of a user to create.
#[derive(Clone, Copy, Debug)]
pub struct DraftRequest<'a> {
    /// The username.
    pub username: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The roles, separated by commas.
    pub roles: &'a str,
}

/// The parsed description of a user to create, without the password.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The username.
    pub username: Username,
    /// The e-mail address.
    pub email: Option<Email>,
    /// Whether another system has verified the address.
    pub email_verified: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// The roles.
    pub roles: RoleNames,
}

impl Draft {
    /// Parses all fields. The error lists every field that breaks a rule.
    pub fn parse(request: DraftRequest<'_>) -> Result<Self, Vec<RegistrationField>> {
        let username = Username::parse_new(request.username).map_err(|error| field("username", &error));
        let email = request.email.map(Email::parse).transpose().map_err(|error| field("email", &error));
        let roles = RoleNames::parse(request.roles).map_err(|error| field("roles", &error));
        match (username, email, roles) {
            (Ok(username), Ok(email), Ok(roles)) => {
                Ok(Self { username, email, email_verified: false, is_active: true, roles })
            }
            (username, email, roles) => {
                Err([username.err(), email.err(), roles.err()].into_iter().flatten().collect())
            }
        }
    }
}

pub(super) fn field(field: &'static str, error: &dyn std::fmt::Display) -> RegistrationField {
    RegistrationField { field, message: error.to_string() }
}

/// The outcome of creating a user.
#[derive(Debug)]
pub enum Creation {
    /// The user was created.
    Created(Box<User>),
    /// The name, or a confusable name, is taken.
    Taken,
}

impl Administration {
    /// Whether the name, or a confusable name, is taken. Commands call this before they ask for a password.
    pub async fn is_taken(&self, username: &Username) -> Result<bool, AccountError> {
        let (key, skeleton) = (username.key().to_owned(), username.skeleton().to_owned());
        self.inner.unit_of_work.database().read(move |conn| Ok(users::is_taken(conn, &key, &skeleton)?)).await
    }

    /// Inserts the user with this password hash.
    pub async fn create(&self, draft: Draft, hash: PasswordHash) -> Result<Creation, AccountError> {
        let inner = &self.inner;
        let new = inner.new_user(draft, hash);
        let user = new.user();
        let event = AuditEvent::new(AuditKind::UserCreated, &inner.initiator).user(user.id);
        let inserted = inner.unit_of_work.commit(move |transaction| {
            users::insert(transaction.conn(), &new)?;
            transaction.record(event.clone());
            Ok::<_, AccountError>(())
        });
        match inserted.await {
            Ok(_) => Ok(Creation::Created(Box::new(user))),
            Err(AccountError::Database(error)) if is_unique_violation(&error) => Ok(Creation::Taken),
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    pub(super) fn new_user(&self, draft: Draft, hash: PasswordHash) -> NewUser {
        NewUser {
            id: self.unit_of_work.random().uuid(),
            username: draft.username,
            email: draft.email,
            email_verified: draft.email_verified,
            is_active: draft.is_active,
            roles: draft.roles.as_slice().to_vec(),
            hash,
            created_at_ms: self.unit_of_work.clock().now_ms(),
        }
    }
}

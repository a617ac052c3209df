//! Creates a user for an operator.

use std::sync::Arc;

use service_kit::database::DatabaseError;

use super::Administration;
use crate::accounts::{AccountError, RegistrationField};
use crate::domain::{AuditEvent, AuditKind, Email, NewUser, PasswordHash, RoleNames, User, Username};
use crate::storage::{audit, is_unique_violation, users};

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
        self.parts.database.read(move |conn| Ok(users::is_taken(conn, &key, &skeleton)?)).await
    }

    /// Inserts the user with this password hash.
    pub async fn create(&self, draft: Draft, hash: PasswordHash) -> Result<Creation, AccountError> {
        let parts = Arc::clone(&self.parts);
        let new = self.new_user(draft, hash, parts.clock.now_ms());
        let user = new.user();
        let event = AuditEvent::new(AuditKind::UserCreated, &parts.origin).user(user.id);
        let recorded = event.clone();
        let inserted = self.parts.database.write(move |conn| {
            users::insert(conn, &new)?;
            Ok::<_, AccountError>(audit::record(conn, &recorded, &parts.random, new.created_at_ms)?)
        });
        match inserted.await {
            Ok(()) => {
                event.log();
                Ok(Creation::Created(Box::new(user)))
            }
            Err(AccountError::Database(DatabaseError::Query(error))) if is_unique_violation(&error) => {
                Ok(Creation::Taken)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn new_user(&self, draft: Draft, hash: PasswordHash, now_ms: i64) -> NewUser {
        NewUser {
            id: self.parts.random.uuid(),
            username: draft.username,
            email: draft.email,
            email_verified: draft.email_verified,
            is_active: draft.is_active,
            roles: draft.roles.as_slice().to_vec(),
            hash,
            created_at_ms: now_ms,
        }
    }
}

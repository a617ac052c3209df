//! Creates users for an operator: one by one, or from a file of another system with their password hashes.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Administration, Inner};
use crate::accounts::{AccountError, BrokenRule, InvalidField};
use crate::domain::{
    AuditEvent, AuditKind, BcryptHash, Email, NewUser, PasswordHash, RoleNames, User, Username,
};
use crate::storage::{is_unique_violation, users};

/// The unparsed properties of a user to create.
#[derive(Clone, Copy, Debug)]
pub struct CreateUserRequest<'a> {
    /// The username.
    pub username: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The roles, separated by commas.
    pub roles: &'a str,
}

/// The parsed properties of a user to create, without the password.
#[derive(Clone, Debug)]
pub struct UserDetails {
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

impl UserDetails {
    /// Parses all fields. The error lists every field that breaks a rule.
    pub fn parse(request: CreateUserRequest<'_>) -> Result<Self, Vec<InvalidField>> {
        let username = Username::parse_new(request.username).map_err(|error| invalid("username", error));
        let email = request.email.map(Email::parse).transpose().map_err(|error| invalid("email", error));
        let roles = RoleNames::parse(request.roles).map_err(|error| invalid("roles", error));
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

fn invalid(field: &'static str, rule: impl Into<BrokenRule>) -> InvalidField {
    InvalidField { field, rule: rule.into() }
}

/// The outcome of creating a user.
#[derive(Debug)]
pub enum UserCreation {
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
    pub async fn create(
        &self,
        details: UserDetails,
        hash: PasswordHash,
    ) -> Result<UserCreation, AccountError> {
        let inner = &self.inner;
        let new = inner.new_user(details, hash);
        let user = new.user();
        let event = AuditEvent::new(AuditKind::UserCreated, &inner.initiator).user(user.id);
        let inserted = inner.unit_of_work.commit(move |transaction| {
            users::insert(transaction.conn(), &new)?;
            transaction.record(event.clone());
            Ok::<_, AccountError>(())
        });
        match inserted.await {
            Ok(_) => Ok(UserCreation::Created(Box::new(user))),
            Err(AccountError::Database(error)) if is_unique_violation(&error) => Ok(UserCreation::Taken),
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    fn new_user(&self, details: UserDetails, hash: PasswordHash) -> NewUser {
        NewUser {
            id: self.unit_of_work.random().uuid(),
            username: details.username,
            email: details.email,
            email_verified: details.email_verified,
            is_self_registered: false,
            is_active: details.is_active,
            roles: details.roles.as_slice().to_vec(),
            hash,
            created_at_ms: self.unit_of_work.clock().now_ms(),
        }
    }
}

/// A user to import, and the line of the file that describes it.
#[derive(Clone, Debug)]
pub struct UserImport {
    /// The line number, counted from 1.
    pub line: usize,
    /// The properties of the user.
    pub details: UserDetails,
    /// The password hash.
    pub hash: BcryptHash,
}

/// The outcome of an import.
#[derive(Debug)]
pub enum ImportOutcome {
    /// The import was committed.
    Done {
        /// The created users, in the order of the lines.
        users: Vec<User>,
        /// The lines that were skipped because the name, or a confusable name, was taken.
        skipped: Vec<usize>,
    },
    /// Nothing was imported: these lines have a name that is taken or that is repeated in the file.
    Taken(Vec<usize>),
}

/// Why the transaction of an import is rolled back.
enum ImportError {
    Taken(Vec<usize>),
    Failed(AccountError),
}

impl<E: Into<AccountError>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Administration {
    /// Creates all users in one transaction, or none. With `skip_existing`, a line whose name is taken in the
    /// database is skipped, so that the same file can be imported a second time.
    pub async fn import(
        &self,
        imports: Vec<UserImport>,
        skip_existing: bool,
    ) -> Result<ImportOutcome, AccountError> {
        let repeated = repeated_lines(&imports);
        if !repeated.is_empty() {
            return Ok(ImportOutcome::Taken(repeated));
        }
        let inner = Arc::clone(&self.inner);
        let new: Vec<(usize, NewUser)> = imports
            .into_iter()
            .map(|UserImport { line, details, hash }| {
                (line, inner.new_user(details, hash.into_password_hash()))
            })
            .collect();
        let imported = self.inner.unit_of_work.commit(move |transaction| {
            let (mut created, mut taken) = (Vec::new(), Vec::new());
            for (line, new) in &new {
                if users::is_taken(transaction.conn(), new.username.key(), new.username.skeleton())? {
                    taken.push(*line);
                    continue;
                }
                // Which of two users a verified address belongs to is not for a file to say: the first keeps it.
                let mut new = new.clone();
                if let Some(email) = new.email.as_ref().filter(|_| new.email_verified) {
                    new.email_verified = !users::is_verified_email(transaction.conn(), email)?;
                }
                users::insert(transaction.conn(), &new)?;
                let event = AuditEvent::new(AuditKind::UserCreated, &inner.initiator);
                transaction.record(event.user(new.id).reason("import"));
                created.push(new.user());
            }
            if !taken.is_empty() && !skip_existing {
                return Err(ImportError::Taken(taken));
            }
            Ok(ImportOutcome::Done { users: created, skipped: taken })
        });
        match imported.await {
            Ok(committed) => Ok(committed.value),
            Err(ImportError::Taken(lines)) => Ok(ImportOutcome::Taken(lines)),
            Err(ImportError::Failed(error)) => Err(error),
        }
    }
}

/// The lines whose name, or a confusable name, occurs on an earlier line.
fn repeated_lines(imports: &[UserImport]) -> Vec<usize> {
    let mut seen = HashMap::new();
    let names = imports.iter().map(|import| (import.line, &import.details.username));
    names
        .filter_map(|(line, name)| {
            let key = seen.insert(format!("k{}", name.key()), line).is_some();
            let skeleton = seen.insert(format!("s{}", name.skeleton()), line).is_some();
            (key || skeleton).then_some(line)
        })
        .collect()
}

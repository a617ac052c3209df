//! The use cases around users: register, authenticate, find, administer.

mod administration;
mod authenticate;
mod register;

use std::sync::Arc;

use service_kit::database::DatabaseError;
use uuid::Uuid;

pub use self::administration::{
    Administration, CreateUserRequest, ImportOutcome, UserCreation, UserDetails, UserImport,
};
pub use self::authenticate::Authentication;
pub use self::register::{BrokenRule, InvalidField, Registration, RegistrationRequest};
use crate::audit::Refusals;
use crate::domain::{InvalidClaims, PasswordRules, User};
use crate::passwords::{PasswordError, Passwords};
use crate::storage::{UnitOfWork, users};

/// An error that is not the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The database failed or had no free connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The password could not be hashed or verified.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The text is the id of one user and the name of another.
    #[error(
        "this is the id of one user and the name of another: give the id of the one that you mean (users list)"
    )]
    Ambiguous,
    /// The text does not describe claims. Its message contains no value.
    #[error("the claims cannot be set: {0}")]
    Claims(#[from] InvalidClaims),
}

impl AccountError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Password(PasswordError::Overloaded(_)) => true,
            Self::Password(PasswordError::Hash(_) | PasswordError::Panicked)
            | Self::Ambiguous
            | Self::Claims(_) => false,
        }
    }
}

/// The parts that [`Accounts`] is built from.
pub struct AccountParts {
    /// Commits changes.
    pub unit_of_work: UnitOfWork,
    /// The password hashing pool.
    pub passwords: Passwords,
    /// Records refused logins.
    pub refusals: Refusals,
    /// The rules for new passwords.
    pub password_rules: PasswordRules,
}

/// The use cases around users. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    parts: Arc<AccountParts>,
}

impl Accounts {
    /// Builds the use cases from their parts.
    pub fn new(parts: AccountParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Finds the user with this id.
    pub async fn find(&self, id: Uuid) -> Result<Option<User>, AccountError> {
        self.parts.unit_of_work.database().read(move |conn| Ok(users::find(conn, id)?)).await
    }

    /// The rules for new passwords.
    pub fn password_rules(&self) -> PasswordRules {
        self.parts.password_rules
    }
}

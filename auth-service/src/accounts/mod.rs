//! The use cases around users: register, authenticate, find, administer.

mod administration;
mod authenticate;
mod register;

use std::sync::Arc;

use diesel::result::Error as QueryError;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use uuid::Uuid;

pub use self::administration::{
    Administration, AdministrationParts, Changed, Creation, Draft, DraftRequest, Import, Imported,
};
pub use self::authenticate::Authentication;
pub use self::register::{Registration, RegistrationField, RegistrationRequest};
use crate::audit::{Recorder, Refusals};
use crate::domain::{PasswordRules, User};
use crate::passwords::{PasswordError, Passwords};
use crate::random::Random;
use crate::storage::users;

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
}

impl From<QueryError> for AccountError {
    fn from(error: QueryError) -> Self {
        Self::Database(error.into())
    }
}

/// The parts that [`Accounts`] is built from.
pub struct AccountParts {
    /// The database.
    pub database: Database,
    /// The password hashing pool.
    pub passwords: Passwords,
    /// The clock.
    pub clock: SharedClock,
    /// The source of randomness.
    pub random: Random,
    /// Writes audit events.
    pub recorder: Recorder,
    /// The rules for new passwords.
    pub password_rules: PasswordRules,
}

/// The use cases around users. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    parts: Arc<AccountParts>,
    refusals: Refusals,
}

impl Accounts {
    /// Builds the use cases from their parts.
    pub fn new(parts: AccountParts) -> Self {
        let refusals = Refusals::new(parts.database.clone(), parts.recorder.clone());
        Self { parts: Arc::new(parts), refusals }
    }

    /// Finds the user with this id.
    pub async fn find(&self, id: Uuid) -> Result<Option<User>, AccountError> {
        self.parts.database.read(move |conn| Ok(users::find(conn, id)?)).await
    }

    /// The rules for new passwords.
    pub fn password_rules(&self) -> PasswordRules {
        self.parts.password_rules
    }
}

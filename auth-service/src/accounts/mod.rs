//! The use cases around users: register, authenticate, look up, administer.

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

/// Why a use case could not be carried out, without being the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No connection, or too much waiting for one.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No hash.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// What should name a user is one user's id and another one's name.
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

/// What [`Accounts`] works with.
pub struct AccountParts {
    /// The truth.
    pub database: Database,
    /// Who hashes.
    pub passwords: Passwords,
    /// The time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// The record of events.
    pub recorder: Recorder,
    /// Which passwords may be set.
    pub password_rules: PasswordRules,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    parts: Arc<AccountParts>,
    refusals: Refusals,
}

impl Accounts {
    /// The use cases over these parts.
    pub fn new(parts: AccountParts) -> Self {
        let refusals = Refusals::new(parts.database.clone(), parts.recorder.clone());
        Self { parts: Arc::new(parts), refusals }
    }

    /// The user with that id.
    pub async fn find(&self, id: Uuid) -> Result<Option<User>, AccountError> {
        self.parts.database.read(move |conn| Ok(users::find(conn, id)?)).await
    }

    /// Which passwords may be set.
    pub fn password_rules(&self) -> PasswordRules {
        self.parts.password_rules
    }
}

//! The use cases around users: register, authenticate, find, administer.

mod address;
mod administration;
mod authenticate;
mod change_password;
mod judge;
mod known_device;
mod letters;
mod limits;
mod links;
mod locks;
mod register;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use service_kit::database::DatabaseError;
use uuid::Uuid;

pub use self::address::{AddressChange, AddressProof, AddressVerification, RECENT_SIGN_IN_S};
pub use self::administration::{
    Administration, CreateUserRequest, ImportOutcome, Invited, UserCreation, UserDetails, UserImport,
    UserLock,
};
pub use self::authenticate::Authentication;
pub use self::change_password::{KeptBrowserSession, KeptSession, PasswordChange, PasswordChangeRequest};
pub use self::letters::{LetterParts, Letters};
pub use self::links::{DeadLink, LinkPage, LinkedUser, LiveLink, MailWish, Reset};
pub use self::register::{BrokenRule, InvalidField, Registration, RegistrationRequest};
use crate::audit::Refusals;
use crate::domain::{Credentials, InvalidClaims, Password, PasswordRules, Throttled, User};
use crate::passwords::{PasswordError, PasswordOwner, PasswordPolicy, Passwords};
use crate::storage::{UnitOfWork, users};
use crate::throttle::Throttle;
use crate::tokens::{CutRules, TokenError};

/// An error that is not the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The database failed or had no free connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The password could not be hashed or verified.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Too many attempts failed before: 429.
    #[error("too many attempts")]
    Throttled(Throttled),
    /// Attempts for the same account or from the same address were under way for too long: 503.
    #[error("too many attempts are under way")]
    Busy,
    /// The text is the id of one user and the name of another.
    #[error(
        "this is the id of one user and the name of another: give the id of the one that you mean (users list)"
    )]
    Ambiguous,
    /// The sessions of the user could not be ended.
    #[error(transparent)]
    Sessions(#[from] TokenError),
    /// The text does not describe claims. Its message contains no value.
    #[error("the claims cannot be set: {0}")]
    Claims(#[from] InvalidClaims),
}

impl AccountError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Sessions(error) => error.is_transient(),
            Self::Password(PasswordError::Overloaded(_)) | Self::Throttled(_) | Self::Busy => true,
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
    /// Counts attempts to log in.
    pub throttle: Throttle,
    /// How long the first lock in a row lasts.
    pub first_lock: Duration,
    /// Records refused logins.
    pub refusals: Refusals,
    /// The rules for new passwords.
    pub password_policy: PasswordPolicy,
    /// Whether anybody may register, whether an address has to be verified before the first login, and whether this service
    /// sends mail.
    pub policy: AccountPolicy,
    /// What the end of a user's tokens has to cover.
    pub cuts: CutRules,
}

/// Who may register and log in, and whether mail is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountPolicy {
    /// Whether anybody may register. Otherwise only who was invited may.
    pub is_registration_open: bool,
    /// Whether a user who registered may log in only after the address was verified.
    pub requires_verified_email: bool,
    /// Whether a transport for mail is configured. Without one, links and notices are not even queued.
    pub sends_mail: bool,
}

/// The use cases around users. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    parts: Arc<AccountParts>,
    locks_begun: Arc<AtomicU64>,
}

impl Accounts {
    /// Builds the use cases from their parts.
    pub fn new(parts: AccountParts) -> Self {
        Self { parts: Arc::new(parts), locks_begun: Arc::default() }
    }

    /// Finds the user with this id.
    pub async fn find(&self, id: Uuid) -> Result<Option<User>, AccountError> {
        self.parts.unit_of_work.database().read(move |conn| Ok(users::find(conn, id)?)).await
    }

    /// Who may register and log in, and whether mail is sent.
    pub fn policy(&self) -> AccountPolicy {
        self.parts.policy
    }

    async fn find_credentials(&self, id: Uuid) -> Result<Option<Credentials>, AccountError> {
        self.parts.unit_of_work.database().read(move |conn| Ok(users::find_credentials(conn, id)?)).await
    }

    /// Judges a new password of a user by the rules, wherever it is set.
    async fn accept_password(
        &self,
        field: &'static str,
        text: &str,
        username: &str,
        email: Option<&str>,
    ) -> Result<Result<Password, InvalidField>, AccountError> {
        let accepted = self.parts.password_policy.check(text, PasswordOwner { username, email }).await?;
        Ok(accepted.map_err(|rule| InvalidField { field, rule: rule.into() }))
    }

    /// The rules for new passwords.
    pub fn password_policy(&self) -> &PasswordPolicy {
        &self.parts.password_policy
    }

    /// The bounds on the length of new passwords.
    pub fn password_rules(&self) -> PasswordRules {
        self.parts.password_policy.rules()
    }
}

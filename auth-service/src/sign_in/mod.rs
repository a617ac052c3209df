//! The use cases of signing in and out on the hosted pages: browser sessions, sign-ins for clients (OpenID Connect Core
//! §3.1), and sign-outs that clients ask for (OpenID Connect RP-Initiated Logout 1.0).

mod at_once;
mod browser;
mod hint;
mod logout;
mod overview;
mod pending;
mod progress;
mod request;
mod sign_out;

use std::sync::Arc;

pub use self::browser::{CurrentSession, SignedInSession};
pub use self::hint::HintClaims;
pub use self::logout::{AfterLogout, EndedSession, LoggedOut, LogoutStep, PendingLogout};
pub use self::overview::ShownSession;
pub use self::pending::PendingSignIn;
pub use self::progress::{Action, ClientResponse, NeededPage, Page, Progress};
pub use self::sign_out::SignOut;
use crate::accounts::AccountError;
use crate::clients::{Clients, ClientsError};
use crate::domain::SessionLimits;
use crate::keys::{KeyStore, KeysError};
use crate::seal::SealError;
use crate::storage::UnitOfWork;
use crate::tokens::{TokenError, Tokens};

/// An error that is not the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The database or the keys failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The clients could not be read.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// The user could not be read, or the password not be judged.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A page could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl SignInError {
    /// Whether the same request may succeed shortly.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Token(TokenError::Database(error) | TokenError::Keys(KeysError::Database(error))) => {
                error.is_transient()
            }
            Self::Account(error) => error.is_transient(),
            Self::Clients(error) => error.is_transient(),
            Self::Token(TokenError::Keys(_)) | Self::Seal(_) => false,
        }
    }
}

/// The parts that [`SignIns`] is built from.
pub struct SignInParts {
    /// Commits changes.
    pub unit_of_work: UnitOfWork,
    /// The clients.
    pub clients: Clients,
    /// Issues codes.
    pub tokens: Tokens,
    /// The keys that signed `id_token`s.
    pub keys: KeyStore,
    /// The limits on sessions.
    pub limits: SessionLimits,
}

/// The use cases of signing in on the hosted pages. Cheap to clone.
#[derive(Clone)]
pub struct SignIns {
    parts: Arc<SignInParts>,
}

impl SignIns {
    /// Builds the use cases from their parts.
    pub fn new(parts: SignInParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The time, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.parts.unit_of_work.clock().now_ms()
    }
}

//! The errors of the token use cases that are not the caller's fault.

use service_kit::database::DatabaseError;

use crate::keys::KeysError;

/// Why a use case could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The database failed or had no free connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The token could not be signed.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl TokenError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) | Self::Keys(KeysError::Database(error)) => error.is_transient(),
            Self::Keys(_) => false,
        }
    }
}

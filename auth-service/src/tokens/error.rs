//! What can go wrong in a use case without being the caller's fault.

use diesel::result::Error as QueryError;
use service_kit::database::DatabaseError;

use crate::keys::KeysError;

/// Why a use case could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No connection, or too much waiting for one.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No signature.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl From<QueryError> for TokenError {
    fn from(error: QueryError) -> Self {
        Self::Database(error.into())
    }
}

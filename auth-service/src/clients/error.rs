//! The error of reading clients.

use diesel::result::Error as QueryError;
use service_kit::database::DatabaseError;

/// Why clients could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<QueryError> for ClientsError {
    fn from(error: QueryError) -> Self {
        Self::Database(error.into())
    }
}

impl ClientsError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
        }
    }
}

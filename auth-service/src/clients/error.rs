//! The error of reading clients.

use service_kit::database::DatabaseError;

/// Why clients could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ClientsError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
        }
    }
}

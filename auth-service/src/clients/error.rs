//! Why something about clients could not be done.

use diesel::result::Error as QueryError;
use service_kit::database::DatabaseError;

/// Why something about clients could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The database cannot say.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<QueryError> for ClientsError {
    fn from(error: QueryError) -> Self {
        Self::Database(error.into())
    }
}

impl ClientsError {
    /// Whether the same may succeed in a moment: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
        }
    }
}

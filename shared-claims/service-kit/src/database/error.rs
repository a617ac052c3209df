//! What can go wrong between a closure and its database.

use diesel::result::{DatabaseErrorKind, Error as QueryError};

/// Why a piece of database work did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The settings cannot be served: one line for the operator.
    #[error("{0}")]
    Settings(String),
    /// More work is waiting than the queue holds, or it waited too long: 503 with `Retry-After`.
    #[error("the database is overloaded")]
    Overloaded,
    /// The database cannot be reached, or gave up for a reason that passes: 503 with `Retry-After`.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The answer must come from the primary, and this is a standby.
    #[error("the database is a standby")]
    Standby,
    /// The database refused the statement.
    #[error("the database refused: {0}")]
    Query(QueryError),
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// The closure panicked; its transaction was rolled back.
    #[error("database work panicked")]
    Panicked,
}

impl DatabaseError {
    /// Whether the same request may succeed in a moment: answer 503 with `Retry-After`. Everything else is a fault
    /// of ours, 500.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Overloaded | Self::Unavailable(_) | Self::Standby => true,
            Self::Settings(_) | Self::Query(_) | Self::Migration(_) | Self::Panicked => false,
        }
    }
}

impl DatabaseError {
    /// The same for another caller who waited for the same piece of work: Diesel's own errors cannot be cloned.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Settings(why) => Self::Settings(why.clone()),
            Self::Overloaded => Self::Overloaded,
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::Standby => Self::Standby,
            Self::Query(error) => Self::Query(QueryError::QueryBuilderError(error.to_string().into())),
            Self::Migration(why) => Self::Migration(why.clone()),
            Self::Panicked => Self::Panicked,
        }
    }
}

/// Refusals that pass by themselves, as PostgreSQL words them in English; Diesel keeps no SQLSTATE.
const PASSING: &[&str] = &[
    "deadlock detected",
    "canceling statement due to",
    "database is locked",
    "database table is locked",
    "the database system is",
    "terminating connection",
    "remaining connection slots",
    "too many clients",
];

impl From<QueryError> for DatabaseError {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::DatabaseError(kind, information) => {
                let message = information.message();
                match kind {
                    DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::SerializationFailure
                    | DatabaseErrorKind::UnableToSendCommand => Self::Unavailable(message.to_owned()),
                    DatabaseErrorKind::ReadOnlyTransaction => Self::Standby,
                    _ if message.contains("during recovery") => Self::Standby,
                    _ if PASSING.iter().any(|passing| message.contains(passing)) => {
                        Self::Unavailable(message.to_owned())
                    }
                    _ => Self::Query(error),
                }
            }
            QueryError::BrokenTransactionManager => Self::Unavailable(error.to_string()),
            _ => Self::Query(error),
        }
    }
}

impl From<r2d2::Error> for DatabaseError {
    fn from(error: r2d2::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

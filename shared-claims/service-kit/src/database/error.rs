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
    /// The database cannot be reached, or gave up for a reason that passes: 503 with `Retry-After`. After a write it
    /// is unknown whether it was committed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The transaction lost a deadlock or a serialization failure, twice, and was rolled back: 503 with `Retry-After`.
    #[error("the transaction was in the way of another one: {0}")]
    Conflict(String),
    /// The database's disk is full: 503 with `Retry-After`.
    #[error("the database has no room left: {0}")]
    Full(String),
    /// The answer must come from the primary, and this is a standby.
    #[error("the database is a standby")]
    Standby,
    /// A prepared statement belongs to another connection: `database.pooler` is wrong.
    #[error("a pooler in transaction mode answers here: set database.pooler to \"transaction\"")]
    Pooler,
    /// The schema is not the one that this release needs: one line for the operator.
    #[error("{0}")]
    Schema(String),
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
            Self::Overloaded | Self::Unavailable(_) | Self::Conflict(_) | Self::Full(_) | Self::Standby => {
                true
            }
            Self::Settings(_)
            | Self::Pooler
            | Self::Schema(_)
            | Self::Query(_)
            | Self::Migration(_)
            | Self::Panicked => false,
        }
    }

    /// The same for another caller who waited for the same piece of work: Diesel's own errors cannot be cloned.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Settings(why) => Self::Settings(why.clone()),
            Self::Overloaded => Self::Overloaded,
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::Conflict(why) => Self::Conflict(why.clone()),
            Self::Full(why) => Self::Full(why.clone()),
            Self::Standby => Self::Standby,
            Self::Pooler => Self::Pooler,
            Self::Schema(why) => Self::Schema(why.clone()),
            Self::Query(error) => Self::Query(QueryError::QueryBuilderError(error.to_string().into())),
            Self::Migration(why) => Self::Migration(why.clone()),
            Self::Panicked => Self::Panicked,
        }
    }
}

/// What kind of failure a statement met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A deadlock or a serialization failure: the transaction was rolled back and may be repeated.
    Lost,
    /// No room on the disk.
    Full,
    /// Another refusal that passes by itself.
    Passing,
    /// A standby.
    Standby,
    /// The connection is gone.
    Gone,
    /// A statement that was prepared on another connection.
    Pooler,
    /// An error that names no place in the statement and no table. On a server that words its messages in another
    /// language this may be any of the above.
    Unreadable,
    /// A fault of ours, or a constraint.
    Fault,
}

// Diesel keeps no SQLSTATE (`DatabaseErrorInformation` has no method for it), only a few kinds made from it. The rest
// is told by PostgreSQL's English words; `Manager::learn_language` has the server speak
// English, or says that it does not.
const LOST: &[&str] = &["deadlock detected", "could not serialize access"];
const FULL: &[&str] = &[
    // SQLite's SQLITE_FULL.
    "database or disk is full",
    // The operating system's ENOSPC and EDQUOT, as PostgreSQL passes them on with SQLSTATE 53100.
    "No space left on device",
    "Disk quota exceeded",
    "disk full",
];
const PASSING: &[&str] = &[
    "canceling statement due to",
    "could not obtain lock",
    "database is locked",
    "database table is locked",
    "the database system is",
    "terminating connection",
    "remaining connection slots",
    "too many clients",
    "too many connections",
    "out of memory",
    "out of shared memory",
    "temporary file size exceeds",
    // The pooler's.
    "query_wait_timeout",
    "no more connections allowed",
];

impl Trouble {
    pub(super) fn of(error: &QueryError) -> Self {
        let (kind, information) = match error {
            QueryError::DatabaseError(kind, information) => (kind, information),
            QueryError::BrokenTransactionManager => return Self::Gone,
            _ => return Self::Fault,
        };
        let message = information.message();
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        match kind {
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Self::Gone,
            DatabaseErrorKind::SerializationFailure => Self::Lost,
            DatabaseErrorKind::ReadOnlyTransaction => Self::Standby,
            DatabaseErrorKind::Unknown => match () {
                () if message.contains("__diesel_stmt_") => Self::Pooler,
                () if message.contains("during recovery") => Self::Standby,
                () if says(LOST) => Self::Lost,
                () if says(FULL) => Self::Full,
                () if says(PASSING) => Self::Passing,
                () if information.statement_position().is_none()
                    && information.table_name().is_none()
                    && information.column_name().is_none()
                    && information.constraint_name().is_none() =>
                {
                    Self::Unreadable
                }
                () => Self::Fault,
            },
            _ => Self::Fault,
        }
    }
}

impl From<r2d2::Error> for DatabaseError {
    fn from(error: r2d2::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<QueryError> for DatabaseError {
    fn from(error: QueryError) -> Self {
        match Trouble::of(&error) {
            Trouble::Lost => Self::Conflict(error.to_string()),
            Trouble::Full => Self::Full(error.to_string()),
            Trouble::Passing | Trouble::Gone => Self::Unavailable(error.to_string()),
            Trouble::Standby => Self::Standby,
            Trouble::Pooler => Self::Pooler,
            Trouble::Unreadable | Trouble::Fault => Self::Query(error),
        }
    }
}

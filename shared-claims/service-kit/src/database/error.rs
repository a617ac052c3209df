//! The errors of database work.

use diesel::result::{DatabaseErrorKind, Error as QueryError};

/// Why a piece of database work failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The settings cannot be used. One line for the operator.
    #[error("{0}")]
    Settings(String),
    /// More work is waiting than the queue holds, or the work waited too long: 503 with `Retry-After`.
    #[error("the database is overloaded")]
    Overloaded,
    /// The database cannot be reached, or failed for a temporary reason: 503 with `Retry-After`. After a write it is
    /// not known whether it was committed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The transaction failed twice because of a deadlock or a serialization failure, and was rolled back: 503 with
    /// `Retry-After`.
    #[error("the transaction conflicted with another one: {0}")]
    Conflict(String),
    /// The database's disk is full: 503 with `Retry-After`.
    #[error("the disk of the database is full: {0}")]
    DiskFull(String),
    /// The work needs the primary server, and this is a standby.
    #[error("the database is a standby")]
    Standby,
    /// A prepared statement belongs to another connection: the setting `database.pooler` is wrong.
    #[error("there is a pooler in transaction mode: set database.pooler to \"transaction\"")]
    Pooler,
    /// The schema does not fit this release. One line for the operator.
    #[error("{0}")]
    Schema(String),
    /// The database refused the statement.
    #[error("the database rejected the statement: {0}")]
    Query(QueryError),
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// The closure panicked; its transaction was rolled back.
    #[error("database work panicked")]
    Panicked,
}

impl DatabaseError {
    /// Whether the same request may succeed in a moment: respond with 503 and `Retry-After`. Every other error is a
    /// fault of the service: 500.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Overloaded
            | Self::Unavailable(_)
            | Self::Conflict(_)
            | Self::DiskFull(_)
            | Self::Standby => true,
            Self::Settings(_)
            | Self::Pooler
            | Self::Schema(_)
            | Self::Query(_)
            | Self::Migration(_)
            | Self::Panicked => false,
        }
    }

    /// A copy for another caller that waited for the same work. Diesel's own errors cannot be cloned.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Settings(why) => Self::Settings(why.clone()),
            Self::Overloaded => Self::Overloaded,
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::Conflict(why) => Self::Conflict(why.clone()),
            Self::DiskFull(why) => Self::DiskFull(why.clone()),
            Self::Standby => Self::Standby,
            Self::Pooler => Self::Pooler,
            Self::Schema(why) => Self::Schema(why.clone()),
            Self::Query(error) => Self::Query(QueryError::QueryBuilderError(error.to_string().into())),
            Self::Migration(why) => Self::Migration(why.clone()),
            Self::Panicked => Self::Panicked,
        }
    }
}

/// The kind of failure of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// A deadlock or a serialization failure. The transaction was rolled back and may be repeated.
    Conflict,
    /// The disk is full.
    DiskFull,
    /// Another temporary failure.
    Transient,
    /// The server is a standby.
    Standby,
    /// The connection is closed.
    ConnectionClosed,
    /// The statement was prepared on another connection.
    Pooler,
    /// An error that names neither a position in the statement nor a table. If the server's messages are not in
    /// English, this may be any of the kinds above.
    Unclassified,
    /// A fault of the service, or a violated constraint.
    Permanent,
}

// Diesel does not expose the SQLSTATE (`DatabaseErrorInformation` has no method for it), only a few kinds derived from
// it. The rest is recognised by PostgreSQL's English messages. `ConnectionManager::set_english_messages` makes the
// server use English, or reports that it does not.
const CONFLICT: &[&str] = &["deadlock detected", "could not serialize access"];
const DISK_FULL: &[&str] = &[
    // The message for SQLite's SQLITE_FULL.
    "database or disk is full",
    // The operating system's messages for ENOSPC and EDQUOT, which PostgreSQL passes on with SQLSTATE 53100.
    "No space left on device",
    "Disk quota exceeded",
    "disk full",
];
const TRANSIENT: &[&str] = &[
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
    // A message of PgBouncer.
    "query_wait_timeout",
    "no more connections allowed",
];

impl FailureKind {
    pub(super) fn of(error: &QueryError) -> Self {
        let (kind, information) = match error {
            QueryError::DatabaseError(kind, information) => (kind, information),
            QueryError::BrokenTransactionManager => return Self::ConnectionClosed,
            _ => return Self::Permanent,
        };
        let message = information.message();
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        match kind {
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Self::ConnectionClosed
            }
            DatabaseErrorKind::SerializationFailure => Self::Conflict,
            DatabaseErrorKind::ReadOnlyTransaction => Self::Standby,
            DatabaseErrorKind::Unknown => match () {
                () if message.contains("__diesel_stmt_") => Self::Pooler,
                () if message.contains("during recovery") => Self::Standby,
                () if says(CONFLICT) => Self::Conflict,
                () if says(DISK_FULL) => Self::DiskFull,
                () if says(TRANSIENT) => Self::Transient,
                () if information.statement_position().is_none()
                    && information.table_name().is_none()
                    && information.column_name().is_none()
                    && information.constraint_name().is_none() =>
                {
                    Self::Unclassified
                }
                () => Self::Permanent,
            },
            _ => Self::Permanent,
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
        match FailureKind::of(&error) {
            FailureKind::Conflict => Self::Conflict(error.to_string()),
            FailureKind::DiskFull => Self::DiskFull(error.to_string()),
            FailureKind::Transient | FailureKind::ConnectionClosed => Self::Unavailable(error.to_string()),
            FailureKind::Standby => Self::Standby,
            FailureKind::Pooler => Self::Pooler,
            FailureKind::Unclassified | FailureKind::Permanent => Self::Query(error),
        }
    }
}

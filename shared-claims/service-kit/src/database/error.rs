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
    /// The server does not accept this connection, and waiting does not help: a wrong password, an unknown database. 503
    /// with `Retry-After` all the same, because only an operator can tell whether it is so on purpose.
    #[error("the database refused the connection: {0}")]
    Refused(String),
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
            | Self::Refused(_)
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

    /// Whether a start that waits may find that the database works. A lock that another process holds is waited for elsewhere.
    pub fn may_pass(&self) -> bool {
        self.is_transient() && !matches!(self, Self::Refused(_))
    }

    /// An error of connecting to PostgreSQL, from libpq's message without secrets.
    pub(super) fn of_connecting(mut message: String) -> Self {
        if TRANSIENT.iter().chain(UNREACHABLE).any(|words| message.contains(words)) {
            return Self::Unavailable(message);
        }
        if message.contains("password authentication failed") {
            message.push_str(KEEPS_PASSWORD);
        }
        Self::Refused(message)
    }

    /// An error of a migration, of which Diesel shows the text alone. Servers that run have locks, so it may end by a deadlock or
    /// wait for one in vain, and succeed when it is tried again.
    pub(super) fn of_migration(message: String) -> Self {
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        match () {
            () if says(CONFLICT) => Self::Conflict(message),
            () if says(DISK_FULL) => Self::DiskFull(message),
            () if says(TRANSIENT) => Self::Unavailable(message),
            () => Self::Migration(message),
        }
    }

    /// A copy for another caller that waited for the same work. Diesel's own errors cannot be cloned.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Settings(why) => Self::Settings(why.clone()),
            Self::Overloaded => Self::Overloaded,
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::Refused(why) => Self::Refused(why.clone()),
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

/// libpq's own messages, and those of poolers, about a server that cannot be reached now.
const UNREACHABLE: &[&str] = &[
    "Connection refused",
    "Connection timed out",
    "Connection reset by peer",
    "Broken pipe",
    "No route to host",
    "Host is down",
    "Network is unreachable",
    "Network is down",
    // The socket's file does not exist yet.
    "No such file or directory",
    "timeout expired",
    // Without its container, a name does not resolve.
    "could not translate host name",
    "server closed the connection unexpectedly",
    "could not receive data from server",
    "could not send data to server",
    "EOF detected",
    // All hosts are standbys, or none is, so `target_session_attrs` finds no server.
    "session is read-only",
    "session is not read-only",
    "server is in hot standby mode",
    "server is not in hot standby mode",
    // Messages of PgBouncer.
    "connect failed",
    "cannot connect to server",
    "server conn crashed",
];

/// What is probably wrong if the password is.
const KEEPS_PASSWORD: &str = ". Either the password in the settings is wrong, or it was changed there and not in PostgreSQL, \
     which keeps a role's password until ALTER ROLE … PASSWORD changes it (docs/deploy/settings.md)";

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
                // A migration of a newer release changed the type or the collation of a column, and this connection has
                // prepared a statement before. It would fail for as long as the connection lives.
                () if message.contains("cached plan must not change result type") => Self::ConnectionClosed,
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

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "connection to server at \"db\" (10.0.0.2), port 5432 failed: ";

    #[test]
    fn a_server_that_cannot_be_reached_or_is_starting_may_pass() {
        for message in [
            "Connection refused; Is the server running on that host and accepting TCP/IP connections?",
            "FATAL:  the database system is starting up",
            "FATAL:  the database system is shutting down",
            "FATAL:  the database system is in recovery mode",
            "FATAL:  the database system is not yet accepting connections; DETAIL:  Consistent recovery state",
            "FATAL:  sorry, too many clients already",
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "FATAL:  too many connections for role \"auth\"",
            "timeout expired",
            "server closed the connection unexpectedly; This probably means the server terminated abnormally",
            "session is read-only",
            "FATAL:  server login has been failing, cached error: connect failed (server_login_retry)",
        ] {
            let error = DatabaseError::of_connecting(format!("{AT}{message}"));
            assert!(error.may_pass() && error.is_transient(), "{message}");
        }
        let unknown = "could not translate host name \"db\" to address: Name or service not known";
        assert!(DatabaseError::of_connecting(unknown.to_owned()).may_pass());
    }

    #[test]
    fn a_migration_that_met_a_lock_may_pass() {
        let failed =
            |why| DatabaseError::of_migration(format!("Failed to run 20261130170000_compare with: {why}"));
        assert!(failed("deadlock detected").may_pass());
        assert!(failed("canceling statement due to lock timeout").may_pass());
        assert!(!failed("relation \"users\" does not exist").may_pass());
    }

    #[test]
    fn what_only_an_operator_can_change_does_not_pass() {
        for message in [
            "FATAL:  password authentication failed for user \"auth\"",
            "FATAL:  database \"auth\" does not exist",
            "FATAL:  role \"auth\" does not exist",
            "FATAL:  no pg_hba.conf entry for host \"10.0.0.3\", user \"auth\", database \"auth\", no encryption",
            "FATAL:  permission denied for database \"auth\"",
            "fe_sendauth: no password supplied",
            "server does not support SSL, but SSL was required",
            "SSL error: certificate verify failed",
            "FATAL:  server login has been failing, cached error: FATAL: password authentication failed (server_login_retry)",
        ] {
            let error = DatabaseError::of_connecting(format!("{AT}{message}"));
            assert!(!error.may_pass() && error.is_transient(), "{message}");
            assert_eq!(error.to_string().contains("ALTER ROLE"), message.contains("password auth"));
        }
    }
}

//! Transactions on both databases.

use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::sql_types::Bool;
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::connections::ManagedConnection;
use super::error::FailureKind;
use super::{DatabaseError, DbConnection};

type DieselTransactions = <DbConnection as Connection>::TransactionManager;

/// How a connection is opened for a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessMode {
    /// Each statement in its own transaction. Behind a pooler in transaction mode, one transaction, so that its
    /// settings apply.
    Read,
    /// A transaction that may write. On SQLite it takes the write lock at once: a transaction that first reads and then
    /// writes would fail if another one wrote in between. On PostgreSQL the work locks the rows on which it decides.
    Write,
    /// A read-only transaction on one snapshot of the database.
    Snapshot,
}

impl AccessMode {
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => ("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", "BEGIN DEFERRED"),
            Self::Write => ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", "BEGIN IMMEDIATE"),
            Self::Snapshot => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN DEFERRED"),
        }
    }
}

/// Sends the first statement on a connection, which shows whether this work can run on it.
pub(super) fn prepare(pooled: &mut ManagedConnection, mode: AccessMode) -> Result<(), DatabaseError> {
    match mode {
        AccessMode::Read if !pooled.reads_in_transaction() => match &mut pooled.connection {
            DbConnection::Postgres(connection) => Ok(connection.batch_execute("SELECT 1")?),
            DbConnection::Sqlite(_) => Ok(()),
        },
        AccessMode::Read | AccessMode::Write => begin(pooled, mode),
        AccessMode::Snapshot => {
            begin(pooled, mode)?;
            if let DbConnection::Postgres(connection) = &mut pooled.connection
                && is_standby(connection)?
            {
                return Err(DatabaseError::Standby);
            }
            Ok(())
        }
    }
}

/// Begins a transaction.
pub(super) fn begin(pooled: &mut ManagedConnection, mode: AccessMode) -> Result<(), DatabaseError> {
    let (postgres, sqlite) = mode.sql();
    let begun = match &mut pooled.connection {
        DbConnection::Postgres(inner) => {
            let sql = format!("{postgres}{}", pooled.transaction_settings);
            let begun = AnsiTransactionManager::begin_transaction_sql(inner, &sql);
            begun.map_err(|error| match FailureKind::of(&error) {
                // "Cannot set transaction read-write mode during recovery" has no error kind of its own, and its text
                // may be in any language.
                FailureKind::Unclassified if is_standby(inner).is_ok_and(|is_standby| is_standby) => {
                    DatabaseError::Standby
                }
                _ => error.into(),
            })
        }
        DbConnection::Sqlite(inner) => {
            AnsiTransactionManager::begin_transaction_sql(inner, sqlite).map_err(DatabaseError::from)
        }
    };
    pooled.discard |= begun.is_err() && matches!(pooled.connection, DbConnection::Postgres(_));
    begun
}

/// Runs the work on the connection that [`prepare`] has prepared, and commits. An error of the work rolls back.
pub(super) fn run<T, E>(
    pooled: &mut ManagedConnection,
    mode: AccessMode,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DatabaseError>,
{
    pooled.failure = None;
    let result = work(&mut pooled.connection);
    if mode == AccessMode::Read && !pooled.reads_in_transaction() {
        return result.map_err(|error| record_failure(pooled, error));
    }
    match result {
        Ok(value) if !pooled.activity.is_abandoned() => {
            DieselTransactions::commit_transaction(&mut pooled.connection).map_err(|error| {
                pooled.failure = pooled.activity.failure();
                DatabaseError::from(error)
            })?;
            Ok(value)
        }
        // The caller has already got an error, so nothing may be committed.
        Ok(_) => {
            roll_back(pooled);
            Err(DatabaseError::Unavailable("no response in time".to_owned()).into())
        }
        Err(error) => {
            let error = record_failure(pooled, error);
            roll_back(pooled);
            Err(error)
        }
    }
}

/// Records why the work failed, if its last statement did. If the server's language hides whether the failure is
/// temporary, it counts as temporary: 503 for a fault of the service is less wrong than 500 for every lock time-out.
fn record_failure<E: From<DatabaseError>>(pooled: &mut ManagedConnection, error: E) -> E {
    pooled.failure = pooled.activity.failure();
    match pooled.failure {
        Some(FailureKind::Unclassified) if !pooled.has_english_messages => {
            DatabaseError::Unavailable("refused in a language other than English".to_owned()).into()
        }
        _ => error,
    }
}

fn roll_back(pooled: &mut ManagedConnection) {
    if let Err(error) = DieselTransactions::rollback_transaction(&mut pooled.connection) {
        tracing::warn!(%error, "database.rollback_failed");
    }
}

#[derive(diesel::QueryableByName)]
struct Recovery {
    #[diesel(sql_type = Bool)]
    standby: bool,
}

fn is_standby(connection: &mut PgConnection) -> QueryResult<bool> {
    let recovery: Recovery =
        diesel::sql_query("SELECT pg_is_in_recovery() AS standby").get_result(connection)?;
    Ok(recovery.standby)
}

//! Transactions over the connection that is either.

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::sql_types::Bool;

use super::manager::Pooled;
use super::{DatabaseError, DbConnection};

type Manager = <DbConnection as Connection>::TransactionManager;

/// How a transaction begins on each back end.
#[derive(Clone, Copy)]
pub(super) struct Begin {
    postgres: &'static str,
    sqlite: &'static str,
}

/// The write lock of SQLite is taken at once: a transaction that reads first and then wants to write would be refused
/// when another one wrote meanwhile. PostgreSQL's callers lock the rows they decide on.
pub(super) const WRITE: Begin =
    Begin { postgres: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", sqlite: "BEGIN IMMEDIATE" };

/// One moment of the database.
pub(super) const SNAPSHOT: Begin =
    Begin { postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", sqlite: "BEGIN DEFERRED" };

/// Runs the work in a transaction; an error of the work rolls it back.
pub(super) fn within<T, E>(
    pooled: &mut Pooled,
    how: Begin,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DatabaseError>,
{
    begin(pooled, how)?;
    finish(pooled, work)
}

/// Begins a transaction.
pub(super) fn begin(pooled: &mut Pooled, how: Begin) -> Result<(), DatabaseError> {
    let begun = match &mut pooled.connection {
        DbConnection::Postgres(inner) => AnsiTransactionManager::begin_transaction_sql(inner, how.postgres),
        DbConnection::Sqlite(inner) => AnsiTransactionManager::begin_transaction_sql(inner, how.sqlite),
    };
    begun.map_err(|error| {
        let error = DatabaseError::from(error);
        // Have the pool look for the primary again.
        pooled.discard |= matches!(error, DatabaseError::Standby);
        error
    })
}

/// Runs the work in the transaction that was begun, and commits; an error of the work rolls it back.
pub(super) fn finish<T, E>(
    pooled: &mut Pooled,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DatabaseError>,
{
    let connection = &mut pooled.connection;
    match work(connection) {
        Ok(value) => match Manager::commit_transaction(connection) {
            Ok(()) => Ok(value),
            Err(error) => Err(DatabaseError::from(error).into()),
        },
        Err(error) => {
            if let Err(rollback) = Manager::rollback_transaction(connection) {
                tracing::warn!(error = %rollback, "database.rollback_failed");
            }
            Err(error)
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Recovery {
    #[diesel(sql_type = Bool)]
    standby: bool,
}

/// Refuses a standby, and has the pool look for the primary again.
pub(super) fn require_primary(pooled: &mut Pooled) -> Result<(), DatabaseError> {
    use diesel::RunQueryDsl;
    let DbConnection::Postgres(connection) = &mut pooled.connection else {
        return Ok(());
    };
    let recovery: Recovery =
        diesel::sql_query("SELECT pg_is_in_recovery() AS standby").get_result(connection)?;
    if recovery.standby {
        pooled.discard = true;
        return Err(DatabaseError::Standby);
    }
    Ok(())
}

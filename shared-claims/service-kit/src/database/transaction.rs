//! Transactions on both databases.

use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::sql_types::Bool;
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::error::Trouble;
use super::pooled::Pooled;
use super::{DatabaseError, DbConnection};

type Manager = <DbConnection as Connection>::TransactionManager;

/// How a connection is opened for a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Each statement in its own transaction. Behind a pooler in transaction mode, one transaction, so that its
    /// settings apply.
    Read,
    /// A transaction that may write. On SQLite it takes the write lock at once: a transaction that first reads and then
    /// writes would fail if another one wrote in between. On PostgreSQL the work locks the rows on which it decides.
    Write,
    /// A read-only transaction on one snapshot of the database.
    Snapshot,
}

impl Way {
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => ("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", "BEGIN DEFERRED"),
            Self::Write => ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", "BEGIN IMMEDIATE"),
            Self::Snapshot => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN DEFERRED"),
        }
    }
}

/// Sends the first statement on a connection, which shows whether this work can run on it.
pub(super) fn open(pooled: &mut Pooled, way: Way) -> Result<(), DatabaseError> {
    match way {
        Way::Read if !pooled.begins_reads() => match &mut pooled.connection {
            DbConnection::Postgres(connection) => Ok(connection.batch_execute("SELECT 1")?),
            DbConnection::Sqlite(_) => Ok(()),
        },
        Way::Read | Way::Write => begin(pooled, way),
        Way::Snapshot => {
            begin(pooled, way)?;
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
pub(super) fn begin(pooled: &mut Pooled, way: Way) -> Result<(), DatabaseError> {
    let (postgres, sqlite) = way.sql();
    let begun = match &mut pooled.connection {
        DbConnection::Postgres(inner) => {
            let sql = format!("{postgres}{}", pooled.settings_of_a_transaction);
            let begun = AnsiTransactionManager::begin_transaction_sql(inner, &sql);
            begun.map_err(|error| match Trouble::of(&error) {
                // "Cannot set transaction read-write mode during recovery" has no error kind of its own, and its text
                // may be in any language.
                Trouble::Unreadable if is_standby(inner).is_ok_and(|is_standby| is_standby) => {
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

/// Runs the work on the connection that [`open`] prepared, and commits. An error of the work rolls back.
pub(super) fn finish<T, E>(
    pooled: &mut Pooled,
    way: Way,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DatabaseError>,
{
    pooled.trouble = None;
    let worked = work(&mut pooled.connection);
    if way == Way::Read && !pooled.begins_reads() {
        return worked.map_err(|error| explain(pooled, error));
    }
    match worked {
        Ok(value) if !pooled.pulse.is_abandoned() => {
            Manager::commit_transaction(&mut pooled.connection).map_err(|error| {
                pooled.trouble = pooled.pulse.trouble();
                DatabaseError::from(error)
            })?;
            Ok(value)
        }
        // The caller has already got an error, so nothing may be committed.
        Ok(_) => {
            roll_back(pooled);
            Err(DatabaseError::Unavailable("no answer in time".to_owned()).into())
        }
        Err(error) => {
            let error = explain(pooled, error);
            roll_back(pooled);
            Err(error)
        }
    }
}

/// Records why the work failed, if its last statement did. If the server's language hides whether the failure is
/// temporary, it counts as temporary: 503 for a fault of the service is less wrong than 500 for every lock time-out.
fn explain<E: From<DatabaseError>>(pooled: &mut Pooled, error: E) -> E {
    pooled.trouble = pooled.pulse.trouble();
    match pooled.trouble {
        Some(Trouble::Unreadable) if !pooled.speaks_english => {
            DatabaseError::Unavailable("refused in a language other than English".to_owned()).into()
        }
        _ => error,
    }
}

fn roll_back(pooled: &mut Pooled) {
    if let Err(error) = Manager::rollback_transaction(&mut pooled.connection) {
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

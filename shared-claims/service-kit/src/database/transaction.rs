//! Transactions over the connection that is either.

use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::sql_types::Bool;
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::error::Trouble;
use super::pooled::Pooled;
use super::{DatabaseError, DbConnection};

type Manager = <DbConnection as Connection>::TransactionManager;

/// What a piece of work is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Each statement for itself; behind a pooler in transaction mode a transaction, whose settings hold for it alone.
    Read,
    /// A transaction that may write. The write lock of SQLite is taken at once: a transaction that reads first and then
    /// wants to write would be refused when another one wrote meanwhile. PostgreSQL's callers lock the rows they decide
    /// on.
    Write,
    /// One moment of the database.
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

/// The first that is asked of a connection: whether it leads to where this work can be done.
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
                // "Cannot set transaction read-write mode during recovery" has no kind of its own, and may be worded in
                // any language.
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

/// Runs the work on what [`open`] opened, and commits; an error of the work rolls it back.
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
        // The caller was told that it failed.
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

/// Notes why the work failed, if its last statement did. Where the server's language hides whether that passes, it is
/// taken to: 503 for a fault of ours is a smaller lie than 500 for every lock that takes too long.
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

//! Row locks. On SQLite a write transaction itself is the lock.

use diesel::PgConnection;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// Loads the rows of a query except those that another transaction has locked, so that pruning never waits. On SQLite
/// there is only one write transaction at a time.
macro_rules! unlocked {
    ($conn:expr, $query:expr) => {
        match $conn {
            DbConnection::Postgres(conn) => $query.for_update().skip_locked().load(conn)?,
            DbConnection::Sqlite(conn) => $query.load(conn)?,
        }
    };
}
pub(super) use unlocked;

/// Loads the rows of a query and locks them until the transaction ends. The lock is compatible with foreign-key
/// checks. A query that locks many rows must order them by the primary key, so that two transactions that lock the
/// same rows wait for each other and do not deadlock.
macro_rules! locked {
    ($conn:expr, $query:expr) => {
        match $conn {
            DbConnection::Postgres(conn) => $query.for_no_key_update().load(conn)?,
            DbConnection::Sqlite(conn) => $query.load(conn)?,
        }
    };
}
pub(super) use locked;

/// A query whose rows of `users` are locked: `FOR NO KEY UPDATE OF users`. Diesel supports the lock, but not `OF`, without
/// which a join locks the rows of every table.
#[derive(QueryId)]
pub(super) struct LockingUsers<T>(pub(super) T);

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for LockingUsers<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" FOR NO KEY UPDATE OF \"users\"");
        Ok(())
    }
}

impl<T: Query> Query for LockingUsers<T> {
    type SqlType = T::SqlType;
}

impl<T> diesel::RunQueryDsl<PgConnection> for LockingUsers<T> {}

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

/// A query with a locking clause that names its tables. Diesel supports the lock, but not `OF`, without which a join locks the
/// rows of every table in the same way.
macro_rules! locking {
    ($(#[$doc:meta])* $name:ident, $clause:literal) => {
        $(#[$doc])*
        #[derive(QueryId)]
        pub(super) struct $name<T>(pub(super) T);

        impl<T: QueryFragment<Pg>> QueryFragment<Pg> for $name<T> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                self.0.walk_ast(out.reborrow())?;
                out.push_sql($clause);
                Ok(())
            }
        }

        impl<T: Query> Query for $name<T> {
            type SqlType = T::SqlType;
        }

        impl<T> diesel::RunQueryDsl<PgConnection> for $name<T> {}
    };
}

locking!(
    /// A query whose rows of `users` are locked.
    LockingUsers,
    " FOR NO KEY UPDATE OF \"users\""
);

locking!(
    /// A query whose rows of `sessions` are locked. It must order them by the primary key, as [`locked`] says.
    LockingSessions,
    " FOR NO KEY UPDATE OF \"sessions\""
);

locking!(
    /// A query whose rows of `users` and `browser_sessions` are locked, in this order.
    LockingUsersAndBrowserSessions,
    " FOR NO KEY UPDATE OF \"users\", \"browser_sessions\""
);

locking!(
    /// A query whose rows of `users`, `browser_sessions` and `clients` are locked, in this order. Transactions that need
    /// more than one of these locks take the user's first and the client's last.
    LockingBrowserSessions,
    " FOR NO KEY UPDATE OF \"users\", \"browser_sessions\" FOR SHARE OF \"clients\""
);

//! `FOR NO KEY UPDATE OF users`. Diesel supports the lock, but not `OF`, without which a join locks the rows of every
//! table.

use diesel::PgConnection;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// A query whose rows of `users` are locked.
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

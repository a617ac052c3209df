//! The statement that consumes a refresh token. It is written as SQL because Diesel does not cache its own `UPDATE`
//! statements as prepared statements.

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, HasSqlType};

use crate::domain::MinuteCount;

/// Consumes the token if it is unused, if its count of refreshes has not changed since it was read, and if its
/// session has not ended.
pub(super) struct Consume<'a> {
    pub(super) hash: &'a [u8],
    pub(super) seen: MinuteCount,
    pub(super) now_ms: i64,
}

impl QueryId for Consume<'_> {
    type QueryId = Consume<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Consume<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Binary>,
    i64: ToSql<BigInt, DB>,
    [u8]: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE refresh_tokens SET consumed_at_ms = ");
        out.push_bind_param::<BigInt, _>(&self.now_ms)?;
        out.push_sql(" WHERE token_hash = ");
        out.push_bind_param::<Binary, _>(self.hash)?;
        out.push_sql(" AND refreshes = ");
        out.push_bind_param::<BigInt, _>(&self.seen.count)?;
        out.push_sql(" AND refreshes_since_ms = ");
        out.push_bind_param::<BigInt, _>(&self.seen.since_ms)?;
        out.push_sql(
            " AND consumed_at_ms IS NULL AND EXISTS (SELECT 1 FROM sessions \
             WHERE sessions.id = refresh_tokens.session_id AND sessions.ended_at_ms IS NULL)",
        );
        Ok(())
    }
}

impl<C: Connection> RunQueryDsl<C> for Consume<'_> {}

//! The rotation of a refresh token. Its statements are written as SQL because Diesel does not cache its own `UPDATE`
//! statements as prepared statements, and because `WITH` is not among what it builds.

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, HasSqlType, Nullable};
use service_kit::database::{DatabaseError, DbConnection};

use crate::domain::{MinuteCount, RefreshToken, RefreshTokenHash};

/// A token that is consumed, and the one that follows it.
#[derive(Clone, Copy)]
pub struct Rotation<'a> {
    /// The token that is consumed.
    pub used: &'a RefreshTokenHash,
    /// Its count of refreshes, as it was read.
    pub seen: MinuteCount,
    /// The token that follows it.
    pub next: &'a RefreshTokenHash,
    /// The row of that one, of the same session.
    pub row: &'a RefreshToken,
}

/// Consumes the token if it is unused, its count of refreshes is still `seen`, and its session has not ended, and inserts
/// the next one, which is issued at this moment. Returns whether this call did both; otherwise it did neither. The caller
/// holds the user's lock.
///
/// On PostgreSQL it is one statement, because each one costs a round trip. On SQLite, which has no `INSERT` that reads
/// what an `UPDATE` returned, it is two.
pub fn rotate(conn: &mut DbConnection, rotation: Rotation<'_>) -> Result<bool, DatabaseError> {
    let rotated = match conn {
        DbConnection::Postgres(conn) => AtOnce(rotation).execute(conn)?,
        DbConnection::Sqlite(inner) => {
            let consumed = Consume(rotation).execute(inner)?;
            if consumed == 1 {
                super::insert(conn, rotation.next, rotation.row)?;
            }
            consumed
        }
    };
    Ok(rotated == 1)
}

/// Consumes the token.
struct Consume<'a>(Rotation<'a>);

/// Consumes the token and inserts the next one.
struct AtOnce<'a>(Rotation<'a>);

impl QueryId for Consume<'_> {
    type QueryId = Consume<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryId for AtOnce<'_> {
    type QueryId = AtOnce<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Consume<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Binary>,
    i64: ToSql<BigInt, DB>,
    [u8]: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        consume(&self.0, out)
    }
}

fn consume<'b, DB>(rotation: &'b Rotation<'_>, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Binary>,
    i64: ToSql<BigInt, DB>,
    [u8]: ToSql<Binary, DB>,
{
    let Rotation { used, seen, row, .. } = rotation;
    out.push_sql("UPDATE refresh_tokens SET consumed_at_ms = ");
    out.push_bind_param::<BigInt, _>(&row.issued_at_ms)?;
    out.push_sql(" WHERE token_hash = ");
    out.push_bind_param::<Binary, _>(used.as_bytes())?;
    out.push_sql(" AND refreshes = ");
    out.push_bind_param::<BigInt, _>(&seen.count)?;
    out.push_sql(" AND refreshes_since_ms = ");
    out.push_bind_param::<BigInt, _>(&seen.since_ms)?;
    out.push_sql(
        " AND consumed_at_ms IS NULL AND EXISTS (SELECT 1 FROM sessions \
         WHERE sessions.id = refresh_tokens.session_id AND sessions.ended_at_ms IS NULL)",
    );
    Ok(())
}

impl QueryFragment<Pg> for AtOnce<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Rotation { next, row, .. } = &self.0;
        out.push_sql("WITH consumed AS (");
        consume(&self.0, out.reborrow())?;
        out.push_sql(
            " RETURNING session_id) INSERT INTO refresh_tokens (token_hash, session_id, issued_at_ms, \
             expires_at_ms, first_caller, late_replays, refreshes, refreshes_since_ms) SELECT ",
        );
        out.push_bind_param::<Binary, _>(next.as_bytes())?;
        out.push_sql(", session_id, ");
        out.push_bind_param::<BigInt, _>(&row.issued_at_ms)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.expires_at_ms)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.first_caller)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.late_replays)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.refreshes.count)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&row.refreshes.since_ms)?;
        out.push_sql(" FROM consumed");
        Ok(())
    }
}

impl<C: Connection> RunQueryDsl<C> for Consume<'_> {}

impl RunQueryDsl<PgConnection> for AtOnce<'_> {}

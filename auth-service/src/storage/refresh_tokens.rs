//! The table `refresh_tokens`.

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, HasSqlType};
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::lock::unlocked;
use super::parse_uuid;
use super::schema::refresh_tokens;
use crate::domain::{MinuteCount, RefreshToken, RefreshTokenHash};

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
pub(super) struct RefreshTokenRow {
    session_id: String,
    issued_at_ms: i64,
    expires_at_ms: i64,
    consumed_at_ms: Option<i64>,
    first_caller: Option<i64>,
    late_replays: i64,
    refreshes: i64,
    refreshes_since_ms: i64,
}

impl RefreshTokenRow {
    pub(super) fn into_token(self) -> QueryResult<RefreshToken> {
        Ok(RefreshToken {
            session_id: parse_uuid("refresh_tokens.session_id", &self.session_id)?,
            issued_at_ms: self.issued_at_ms,
            expires_at_ms: self.expires_at_ms,
            consumed_at_ms: self.consumed_at_ms,
            first_caller: self.first_caller,
            late_replays: self.late_replays,
            refreshes: MinuteCount { since_ms: self.refreshes_since_ms, count: self.refreshes },
        })
    }
}

/// Inserts a new token. The caller holds the user's lock.
pub fn insert(
    conn: &mut DbConnection,
    hash: &RefreshTokenHash,
    token: &RefreshToken,
) -> Result<(), DatabaseError> {
    let values = (
        refresh_tokens::token_hash.eq(hash.as_bytes()),
        refresh_tokens::session_id.eq(token.session_id.to_string()),
        refresh_tokens::issued_at_ms.eq(token.issued_at_ms),
        refresh_tokens::expires_at_ms.eq(token.expires_at_ms),
        refresh_tokens::consumed_at_ms.eq(token.consumed_at_ms),
        refresh_tokens::first_caller.eq(token.first_caller),
        refresh_tokens::late_replays.eq(token.late_replays),
        refresh_tokens::refreshes.eq(token.refreshes.count),
        refresh_tokens::refreshes_since_ms.eq(token.refreshes.since_ms),
    );
    let inserted = diesel::insert_into(refresh_tokens::table).values(values);
    // Runs on the concrete connection, because through the enum Diesel would prepare the statement anew each time.
    match conn {
        DbConnection::Postgres(conn) => inserted.execute(conn)?,
        DbConnection::Sqlite(conn) => inserted.execute(conn)?,
    };
    Ok(())
}

/// Finds the token with this hash.
pub fn find(conn: &mut DbConnection, hash: &RefreshTokenHash) -> Result<Option<RefreshToken>, DatabaseError> {
    let row = refresh_tokens::table
        .find(hash.as_bytes())
        .select(RefreshTokenRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(RefreshTokenRow::into_token).transpose()?)
}

/// Consumes the token if it is unused, its count of refreshes is still `seen`, and its session has not ended. Returns
/// whether this call consumed it.
pub fn consume(
    conn: &mut DbConnection,
    hash: &RefreshTokenHash,
    seen: MinuteCount,
    now_ms: i64,
) -> Result<bool, DatabaseError> {
    let consume = Consume { hash: hash.as_bytes(), seen, now_ms };
    // As in `insert`.
    let consumed = match conn {
        DbConnection::Postgres(conn) => consume.execute(conn)?,
        DbConnection::Sqlite(conn) => consume.execute(conn)?,
    };
    Ok(consumed == 1)
}

/// Notes that an unused token was returned again for its parent. The caller holds the user's lock.
pub fn note_replay(
    conn: &mut DbConnection,
    hash: &RefreshTokenHash,
    late_replays: i64,
    refreshes: MinuteCount,
) -> Result<(), DatabaseError> {
    diesel::update(refresh_tokens::table.find(hash.as_bytes()))
        .set((
            refresh_tokens::late_replays.eq(late_replays),
            refresh_tokens::refreshes.eq(refreshes.count),
            refresh_tokens::refreshes_since_ms.eq(refreshes.since_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Deletes at most `limit` tokens that were used before `before_ms`. Returns how many. An unused token is kept as
/// long as its session, so a genuine token that is not found must have been used.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let used = refresh_tokens::table
        .filter(refresh_tokens::consumed_at_ms.lt(before_ms))
        .order(refresh_tokens::consumed_at_ms)
        .limit(limit)
        .select(refresh_tokens::token_hash);
    let used: Vec<Vec<u8>> = unlocked!(conn, used);
    Ok(diesel::delete(refresh_tokens::table.filter(refresh_tokens::token_hash.eq_any(used))).execute(conn)?)
}

/// The number of tokens of a session, including consumed ones.
pub fn count_of_session(conn: &mut DbConnection, session_id: Uuid) -> Result<i64, DatabaseError> {
    Ok(refresh_tokens::table
        .filter(refresh_tokens::session_id.eq(session_id.to_string()))
        .count()
        .get_result(conn)?)
}

/// The statement of [`consume`]. It is written as SQL because Diesel does not cache its own `UPDATE` statements as
/// prepared statements.
struct Consume<'a> {
    hash: &'a [u8],
    seen: MinuteCount,
    now_ms: i64,
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

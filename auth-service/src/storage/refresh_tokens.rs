//! The table `refresh_tokens`.

mod rotate;

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

pub use self::rotate::{Rotation, rotate};
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

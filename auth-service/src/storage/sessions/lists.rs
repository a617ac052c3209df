//! Lists of sessions.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::{SessionRow, read};
use crate::domain::{Session, SessionCursor};
use crate::storage::parse_uuid;
use crate::storage::schema::sessions;

/// Reads a page of a user's sessions that have not ended by `now_ms`, last used first: at most `limit` sessions that
/// follow `after`.
pub fn page_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    after: Option<SessionCursor>,
    limit: i64,
) -> Result<Vec<Session>, DatabaseError> {
    let mut page = live(user_id, now_ms).select(SessionRow::as_select()).into_boxed();
    if let Some(SessionCursor { last_used_at_ms, id }) = after {
        let same_time = sessions::last_used_at_ms.eq(last_used_at_ms).and(sessions::id.lt(id.to_string()));
        page = page.filter(sessions::last_used_at_ms.lt(last_used_at_ms).or(same_time));
    }
    let order = (sessions::last_used_at_ms.desc(), sessions::id.desc());
    read(page.order(order).limit(limit).load(conn)?)
}

/// Reads at most `limit` of a user's sessions that have not ended by `now_ms`, except `kept`.
pub fn some_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    kept: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Session>, DatabaseError> {
    read(
        live(user_id, now_ms)
            .filter(sessions::id.ne(kept.unwrap_or_default().to_string()))
            .order(sessions::id)
            .limit(limit)
            .select(SessionRow::as_select())
            .load(conn)?,
    )
}

/// The live sessions of a user: their ids, their last uses, and the browser sessions that they came from.
pub fn live_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<(Uuid, i64, Option<Uuid>)>, DatabaseError> {
    let rows: Vec<(String, i64, Option<String>)> = live(user_id, now_ms)
        .order(sessions::last_used_at_ms.desc())
        .limit(limit)
        .select((sessions::id, sessions::last_used_at_ms, sessions::browser_session_id))
        .load(conn)?;
    let read = |(id, used_ms, browser): (String, i64, Option<String>)| {
        let browser = browser.map(|id| parse_uuid("sessions.browser_session_id", &id)).transpose()?;
        Ok((parse_uuid("sessions.id", &id)?, used_ms, browser))
    };
    Ok(rows.into_iter().map(read).collect::<QueryResult<_>>()?)
}

/// The live sessions of clients that came from a browser session.
pub fn live_below(
    conn: &mut DbConnection,
    browser_session_id: Uuid,
    now_ms: i64,
) -> Result<Vec<Session>, DatabaseError> {
    let rows: Vec<SessionRow> = sessions::table
        .filter(sessions::browser_session_id.eq(browser_session_id.to_string()))
        .filter(sessions::ended_at_ms.is_null())
        .filter(sessions::expires_at_ms.gt(now_ms))
        .filter(sessions::idle_expires_at_ms.gt(now_ms))
        .order(sessions::id)
        .select(SessionRow::as_select())
        .load(conn)?;
    read(rows)
}

/// Finds the sessions with these ids.
pub fn find_all(conn: &mut DbConnection, ids: &[Uuid]) -> Result<Vec<Session>, DatabaseError> {
    let ids: Vec<_> = ids.iter().map(Uuid::to_string).collect();
    let rows: Vec<SessionRow> =
        sessions::table.filter(sessions::id.eq_any(ids)).select(SessionRow::as_select()).load(conn)?;
    read(rows)
}

#[diesel::dsl::auto_type(no_type_alias)]
fn live(user_id: Uuid, now_ms: i64) -> _ {
    let user_id: String = user_id.to_string();
    sessions::table
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::ended_at_ms.is_null())
        .filter(sessions::expires_at_ms.gt(now_ms))
        .filter(sessions::idle_expires_at_ms.gt(now_ms))
}

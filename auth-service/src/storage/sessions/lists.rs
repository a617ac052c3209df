//! Lists of sessions.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::{SessionRow, read};
use crate::domain::{BrowserSession, LogoutUri, Session};
use crate::storage::browser_sessions::BrowserSessionRow;
use crate::storage::clients::logout_uri;
use crate::storage::lock::LockingSessions;
use crate::storage::parse_uuid;
use crate::storage::schema::{browser_sessions, clients, sessions, users};

/// Reads at most `limit` of a user's sessions that have not ended by `now_ms`, except `kept` and those below it.
pub fn some_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    kept: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Session>, DatabaseError> {
    let kept = kept.unwrap_or_default().to_string();
    let is_below = sessions::browser_session_id.eq(&kept).assume_not_null();
    read(
        live(user_id, now_ms)
            .filter(sessions::id.ne(&kept))
            .filter(sessions::browser_session_id.is_null().or(diesel::dsl::not(is_below)))
            .order(sessions::id)
            .limit(limit)
            .select(SessionRow::as_select())
            .load(conn)?,
    )
}

/// Reads at most `limit` sessions of a user and a client that have not ended by `now_ms`.
pub fn some_of_user_and_client(
    conn: &mut DbConnection,
    user_id: Uuid,
    client_id: &str,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<Session>, DatabaseError> {
    read(
        live(user_id, now_ms)
            .filter(sessions::client_id.eq(client_id))
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

/// A session below a browser session.
pub struct SessionBelow {
    /// The session, ended or not.
    pub session: Session,
    /// Where its client wants to be told that somebody signed out.
    pub logout_uri: Option<LogoutUri>,
}

/// Finds the sessions of clients that came from a browser session, ended or not, and locks their rows, so that the caller
/// can end those that are live. The lock is needed because the end of a client's sessions does not take the user's lock.
pub fn lock_below(
    conn: &mut DbConnection,
    browser_session_id: Uuid,
) -> Result<Vec<SessionBelow>, DatabaseError> {
    let below = sessions::table
        .left_join(clients::table.on(clients::id.eq(sessions::client_id)))
        .filter(sessions::browser_session_id.eq(browser_session_id.to_string()))
        .order(sessions::id);
    let uri = clients::backchannel_logout_uri.nullable();
    let rows: Vec<(SessionRow, Option<String>)> = match conn {
        DbConnection::Postgres(conn) => {
            LockingSessions(below.select((SessionRow::as_select(), uri))).load(conn)?
        }
        DbConnection::Sqlite(conn) => below.select((SessionRow::as_select(), uri)).load(conn)?,
    };
    let read = |(session, uri): (SessionRow, Option<String>)| {
        let logout_uri = uri.map(|uri| logout_uri(&uri)).transpose()?;
        Ok(SessionBelow { session: session.into_session()?, logout_uri })
    };
    Ok(rows.into_iter().map(read).collect::<QueryResult<_>>()?)
}

/// The sessions of a user that came from browser sessions, ended or not.
pub fn of_browser_sessions(conn: &mut DbConnection, user_id: Uuid) -> Result<Vec<Session>, DatabaseError> {
    let rows: Vec<SessionRow> = sessions::table
        .filter(sessions::user_id.eq(user_id.to_string()))
        .filter(sessions::browser_session_id.is_not_null())
        .select(SessionRow::as_select())
        .load(conn)?;
    read(rows)
}

/// A session of either kind.
pub enum EitherSession {
    /// A first-party session, or one of a client.
    OfTokens(Session),
    /// A browser session.
    OfBrowser(BrowserSession),
}

/// Finds the session of a user with this id, of either kind, ended or not.
pub fn find_either(
    conn: &mut DbConnection,
    user_id: Uuid,
    id: Uuid,
) -> Result<Option<EitherSession>, DatabaseError> {
    type Row = (Option<SessionRow>, Option<BrowserSessionRow>);
    let id = id.to_string();
    let of_tokens = sessions::user_id.eq(users::id).and(sessions::id.eq(id.clone()));
    let of_browser = browser_sessions::user_id.eq(users::id).and(browser_sessions::id.eq(id));
    let found = users::table
        .left_join(sessions::table.on(of_tokens))
        .left_join(browser_sessions::table.on(of_browser))
        .filter(users::id.eq(user_id.to_string()));
    let row: Option<Row> = match conn {
        DbConnection::Postgres(conn) => found.select(Row::as_select()).first(conn).optional()?,
        DbConnection::Sqlite(conn) => found.select(Row::as_select()).first(conn).optional()?,
    };
    let session = match row {
        Some((Some(session), _)) => EitherSession::OfTokens(session.into_session()?),
        Some((None, Some(session))) => EitherSession::OfBrowser(session.into_session()?),
        Some((None, None)) | None => return Ok(None),
    };
    Ok(Some(session))
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

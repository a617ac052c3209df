//! The list of a user's sessions: those of the table `sessions` and those of the table `browser_sessions`, as one.

use diesel::dsl::auto_type;
use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::schema::{browser_sessions, sessions, users};
use super::{parse_uuid, unreadable};
use crate::domain::{Device, ListedSession, SessionCursor, SessionListing};

/// The most browser sessions of a user that are looked at.
const MOST_BROWSER_SESSIONS: i64 = 10_000;

/// The scope `offline_access` in the pattern language of SQL: alone, first, last, and between others.
const OFFLINE: [&str; 4] =
    ["offline\\_access", "offline\\_access %", "% offline\\_access", "% offline\\_access %"];

#[derive(Queryable)]
struct Row {
    id: String,
    created_at_ms: i64,
    last_used_at_ms: i64,
    user_agent: Option<String>,
    address: Option<String>,
}

impl Row {
    fn listed(self, client: Option<(String, String)>) -> QueryResult<ListedSession> {
        let (client_id, scope) = client.unzip();
        let scope = Scopes::parse(&scope.unwrap_or_default());
        Ok(ListedSession {
            id: parse_uuid("sessions.id", &self.id)?,
            client_id,
            scope: scope.map_err(|_| unreadable("sessions.scope is no scope list"))?,
            created_at_ms: self.created_at_ms,
            last_used_at_ms: self.last_used_at_ms,
            device: Device { user_agent: self.user_agent, address: self.address },
        })
    }
}

/// Reads a page of a user's live sessions, last used first: at most `limit` that follow `after`. A session of a client whose
/// browser session is over gives nothing more, so it is left out.
pub fn page(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    listing: SessionListing,
    after: Option<SessionCursor>,
    limit: usize,
) -> Result<Vec<ListedSession>, DatabaseError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let open: Vec<String> = live_browser_sessions(user_id.to_string(), now_ms)
        .order(browser_sessions::last_used_at_ms.desc())
        .limit(MOST_BROWSER_SESSIONS)
        .select(browser_sessions::id)
        .load(conn)?;
    let mut found = of_browsers(conn, user_id, now_ms, after, most)?;
    found.extend(of_clients(conn, user_id, now_ms, (listing, open), after, most)?);
    found.sort_unstable_by_key(|session| std::cmp::Reverse((session.last_used_at_ms, session.id)));
    found.truncate(limit);
    Ok(found)
}

fn of_browsers(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    after: Option<SessionCursor>,
    most: i64,
) -> Result<Vec<ListedSession>, DatabaseError> {
    let mut query = live_browser_sessions(user_id.to_string(), now_ms)
        .select((
            browser_sessions::id,
            browser_sessions::created_at_ms,
            browser_sessions::last_used_at_ms,
            browser_sessions::user_agent,
            browser_sessions::address,
        ))
        .into_boxed();
    if let Some(SessionCursor { last_used_at_ms, id }) = after {
        let same_time = browser_sessions::last_used_at_ms
            .eq(last_used_at_ms)
            .and(browser_sessions::id.lt(id.to_string()));
        query = query.filter(browser_sessions::last_used_at_ms.lt(last_used_at_ms).or(same_time));
    }
    let order = (browser_sessions::last_used_at_ms.desc(), browser_sessions::id.desc());
    let rows: Vec<Row> = query.order(order).limit(most).load(conn)?;
    Ok(rows.into_iter().map(|row| row.listed(None)).collect::<QueryResult<_>>()?)
}

fn of_clients(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    (listing, open): (SessionListing, Vec<String>),
    after: Option<SessionCursor>,
    most: i64,
) -> Result<Vec<ListedSession>, DatabaseError> {
    let row = (
        sessions::id,
        sessions::created_at_ms,
        sessions::last_used_at_ms,
        sessions::user_agent,
        sessions::address,
    );
    let mut query = sessions::table
        .filter(sessions::user_id.eq(user_id.to_string()))
        .filter(sessions::ended_at_ms.is_null())
        .filter(sessions::expires_at_ms.gt(now_ms))
        .filter(sessions::idle_expires_at_ms.gt(now_ms))
        .select((row, (sessions::client_id, sessions::scope)))
        .into_boxed();
    let [alone, first, last, between] = OFFLINE.map(|pattern| sessions::scope.like(pattern).escape('\\'));
    let is_offline = alone.or(first).or(last).or(between);
    let is_free = sessions::browser_session_id.is_null();
    let is_below = sessions::browser_session_id.eq_any(open).assume_not_null();
    query = match listing {
        SessionListing::All => query.filter(is_free.or(is_offline).or(is_below)),
        SessionListing::WithoutThoseBelow => {
            query.filter(is_free.or(is_offline.and(diesel::dsl::not(is_below))))
        }
    };
    if let Some(SessionCursor { last_used_at_ms, id }) = after {
        let same_time = sessions::last_used_at_ms.eq(last_used_at_ms).and(sessions::id.lt(id.to_string()));
        query = query.filter(sessions::last_used_at_ms.lt(last_used_at_ms).or(same_time));
    }
    let order = (sessions::last_used_at_ms.desc(), sessions::id.desc());
    let rows: Vec<(Row, (String, String))> = query.order(order).limit(most).load(conn)?;
    Ok(rows.into_iter().map(|(row, client)| row.listed(Some(client))).collect::<QueryResult<_>>()?)
}

/// When each client last used a session of a user, ended ones included, as far as they are stored.
pub fn last_uses(conn: &mut DbConnection, user_id: Uuid) -> Result<Vec<(String, i64)>, DatabaseError> {
    let rows: Vec<(String, Option<i64>)> = sessions::table
        .filter(sessions::user_id.eq(user_id.to_string()))
        .group_by(sessions::client_id)
        .select((sessions::client_id, diesel::dsl::max(sessions::last_used_at_ms)))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(client_id, last)| Some((client_id, last?))).collect())
}

/// The live browser sessions of a user whose credentials are still those of the last sign-in.
#[auto_type(no_type_alias)]
fn live_browser_sessions(user_id: String, now_ms: i64) -> _ {
    let is_waited_for = browser_sessions::unused_expires_at_ms
        .is_null()
        .or(browser_sessions::unused_expires_at_ms.gt(now_ms).assume_not_null());
    browser_sessions::table
        .inner_join(users::table)
        .filter(browser_sessions::user_id.eq(user_id))
        .filter(browser_sessions::credentials_version.eq(users::credentials_version))
        .filter(browser_sessions::ended_at_ms.is_null())
        .filter(browser_sessions::expires_at_ms.gt(now_ms))
        .filter(browser_sessions::idle_expires_at_ms.gt(now_ms))
        .filter(is_waited_for)
}

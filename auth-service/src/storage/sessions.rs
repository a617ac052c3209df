//! The table `sessions`.

mod lists;

use std::collections::HashSet;

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

pub use self::lists::{
    EitherSession, SessionBelow, find_all, find_either, live_below, live_of_user, lock_below,
    of_browser_sessions, some_of_user, some_of_user_and_client,
};
use super::lock::{LockingUsers, locked, unlocked};
use super::refresh_tokens::RefreshTokenRow;
use super::schema::{refresh_tokens, sessions, users};
use super::users::UserRow;
use super::{joined, parse_uuid, unreadable, words};
use crate::domain::{EndReason, RefreshToken, RefreshTokenHash, Session, User};
use shared_claims::scope::Scopes;

// An omitted `None` would make a statement of its own, which Diesel does not keep prepared.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
struct SessionRow {
    id: String,
    user_id: String,
    client_id: String,
    scope: String,
    amr: String,
    auth_time_s: i64,
    created_at_ms: i64,
    last_used_at_ms: i64,
    expires_at_ms: i64,
    ended_at_ms: Option<i64>,
    user_agent: Option<String>,
    address: Option<String>,
    access_expires_at_s: i64,
    audience: String,
    idle_expires_at_ms: i64,
    browser_session_id: Option<String>,
    userinfo_claims: String,
}

impl SessionRow {
    fn from_session(session: &Session) -> Self {
        Self {
            id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            client_id: session.client_id.clone(),
            scope: session.scope.to_string(),
            amr: session.amr.join(" "),
            auth_time_s: session.auth_time_s,
            created_at_ms: session.created_at_ms,
            last_used_at_ms: session.last_used_at_ms,
            expires_at_ms: session.expires_at_ms,
            ended_at_ms: session.ended_at_ms,
            user_agent: session.user_agent.clone(),
            address: session.address.clone(),
            access_expires_at_s: session.access_expires_at_s,
            audience: session.audience.join(" "),
            idle_expires_at_ms: session.idle_expires_at_ms,
            browser_session_id: session.browser_session_id.map(|id| id.to_string()),
            userinfo_claims: joined(&session.userinfo_claims),
        }
    }

    fn into_session(self) -> QueryResult<Session> {
        Ok(Session {
            id: parse_uuid("sessions.id", &self.id)?,
            user_id: parse_uuid("sessions.user_id", &self.user_id)?,
            client_id: self.client_id,
            scope: Scopes::parse(&self.scope).map_err(|_| unreadable("sessions.scope is no scope list"))?,
            audience: self.audience.split_ascii_whitespace().map(str::to_owned).collect(),
            amr: self.amr.split_ascii_whitespace().map(str::to_owned).collect(),
            auth_time_s: self.auth_time_s,
            created_at_ms: self.created_at_ms,
            last_used_at_ms: self.last_used_at_ms,
            idle_expires_at_ms: self.idle_expires_at_ms,
            expires_at_ms: self.expires_at_ms,
            ended_at_ms: self.ended_at_ms,
            user_agent: self.user_agent,
            address: self.address,
            access_expires_at_s: self.access_expires_at_s,
            browser_session_id: self
                .browser_session_id
                .map(|id| parse_uuid("sessions.browser_session_id", &id))
                .transpose()?,
            userinfo_claims: words(&self.userinfo_claims),
        })
    }
}

fn read(rows: Vec<SessionRow>) -> Result<Vec<Session>, DatabaseError> {
    Ok(rows.into_iter().map(SessionRow::into_session).collect::<QueryResult<_>>()?)
}

/// Inserts a new session. The caller holds the user's lock.
pub fn insert(conn: &mut DbConnection, session: &Session) -> Result<(), DatabaseError> {
    let inserted = diesel::insert_into(sessions::table).values(SessionRow::from_session(session));
    // Runs on the concrete connection, because through the enum Diesel would prepare the statement anew each time.
    match conn {
        DbConnection::Postgres(conn) => inserted.execute(conn)?,
        DbConnection::Sqlite(conn) => inserted.execute(conn)?,
    };
    Ok(())
}

/// Finds the session with this id, ended or not.
pub fn find(conn: &mut DbConnection, id: Uuid) -> Result<Option<Session>, DatabaseError> {
    let row = sessions::table.find(id.to_string()).select(SessionRow::as_select()).first(conn).optional()?;
    Ok(row.map(SessionRow::into_session).transpose()?)
}

/// Finds a session, its user, and the refresh token with this hash, if there is one. Locks the user's row as
/// [`users::lock`](super::users::lock) does.
///
/// On PostgreSQL, if the query had to wait for the lock, the session and the token may be older than the lock. The
/// user is as it was when the lock was taken.
pub fn lock_with_user(
    conn: &mut DbConnection,
    id: Uuid,
    hash: &RefreshTokenHash,
) -> Result<Option<(Session, User, Option<RefreshToken>)>, DatabaseError> {
    type Row = (SessionRow, UserRow, Option<RefreshTokenRow>);
    let presented =
        refresh_tokens::token_hash.eq(hash.as_bytes()).and(refresh_tokens::session_id.eq(sessions::id));
    let found = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .left_join(refresh_tokens::table.on(presented))
        .filter(sessions::id.eq(id.to_string()));
    let row: Option<Row> = match conn {
        DbConnection::Postgres(conn) => {
            LockingUsers(found.select(Row::as_select())).get_result(conn).optional()?
        }
        DbConnection::Sqlite(conn) => found.select(Row::as_select()).get_result(conn).optional()?,
    };
    let Some((session, user, token)) = row else { return Ok(None) };
    let token = token.map(RefreshTokenRow::into_token).transpose()?;
    Ok(Some((session.into_session()?, user.into_credentials()?.user, token)))
}

/// Stores the use that [`Session::note_use`] noted. The expiry times are never lowered, because `session` may have
/// been read before another use was stored, and a revocation fact must be kept longer than every issued token is
/// valid.
pub fn touch(conn: &mut DbConnection, session: &Session) -> Result<(), DatabaseError> {
    let (idle, access) = (session.idle_expires_at_ms, session.access_expires_at_s);
    diesel::update(sessions::table.find(session.id.to_string()))
        .set((
            sessions::last_used_at_ms.eq(session.last_used_at_ms),
            sessions::idle_expires_at_ms.eq(case_when(
                sessions::idle_expires_at_ms.lt(idle),
                idle.into_sql::<BigInt>(),
            )
            .otherwise(sessions::idle_expires_at_ms)),
            sessions::access_expires_at_s.eq(case_when(
                sessions::access_expires_at_s.lt(access),
                access.into_sql::<BigInt>(),
            )
            .otherwise(sessions::access_expires_at_s)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Ends those of the given sessions that have not ended, and returns their ids. The caller holds their user's lock.
pub fn end(
    conn: &mut DbConnection,
    ids: &[Uuid],
    reason: EndReason,
    now_ms: i64,
) -> Result<HashSet<Uuid>, DatabaseError> {
    // A single row cannot be locked in the wrong order.
    if let [id] = ids {
        let ended = end_locked(conn, &[id.to_string()], reason, now_ms)?;
        return Ok((ended > 0).then_some(*id).into_iter().collect());
    }
    let ids = ids.iter().map(Uuid::to_string);
    let live = sessions::table
        .filter(sessions::id.eq_any(ids.collect::<Vec<_>>()))
        .filter(sessions::ended_at_ms.is_null())
        .order(sessions::id)
        .select(sessions::id);
    let live: Vec<String> = locked!(conn, live);
    end_locked(conn, &live, reason, now_ms)?;
    Ok(live.iter().map(|id| parse_uuid("sessions.id", id)).collect::<QueryResult<_>>()?)
}

/// Ends these live sessions, whose rows the caller has locked.
pub fn end_below(
    conn: &mut DbConnection,
    live: &[Session],
    reason: EndReason,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    let ids: Vec<_> = live.iter().map(|session| session.id.to_string()).collect();
    for ids in ids.chunks(CHUNK) {
        end_locked(conn, ids, reason, now_ms)?;
    }
    Ok(())
}

/// Ends every session of a user. Returns how many. The caller holds the user's lock.
pub fn end_all_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    reason: EndReason,
    now_ms: i64,
) -> Result<usize, DatabaseError> {
    let live = sessions::table
        .filter(sessions::user_id.eq(user_id.to_string()))
        .filter(sessions::ended_at_ms.is_null())
        .order(sessions::id)
        .select(sessions::id);
    let live: Vec<String> = locked!(conn, live);
    live.chunks(CHUNK).try_fold(0, |ended, some| Ok(ended + end_locked(conn, some, reason, now_ms)?))
}

/// Ends at most `limit` sessions of a client. Returns how many.
pub fn end_of_client(
    conn: &mut DbConnection,
    client_id: &str,
    now_ms: i64,
    limit: i64,
) -> Result<usize, DatabaseError> {
    let live = sessions::table
        .filter(sessions::client_id.eq(client_id))
        .filter(sessions::ended_at_ms.is_null())
        .order(sessions::id)
        .limit(limit)
        .select(sessions::id);
    let live: Vec<String> = locked!(conn, live);
    end_locked(conn, &live, EndReason::ClientEnded, now_ms)
}

/// The most ids in one statement. SQLite allows 32,766 parameters per statement.
const CHUNK: usize = 1000;

fn end_locked(
    conn: &mut DbConnection,
    ids: &[String],
    reason: EndReason,
    now_ms: i64,
) -> Result<usize, DatabaseError> {
    let ended = diesel::update(
        sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::ended_at_ms.is_null()),
    )
    .set((sessions::ended_at_ms.eq(now_ms), sessions::end_reason.eq(reason.as_str())))
    .execute(conn)?;
    Ok(ended)
}

/// The latest expiry of the access tokens of all sessions of the user, including ended sessions.
pub fn last_access_expiry_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
) -> Result<Option<i64>, DatabaseError> {
    Ok(sessions::table
        .filter(sessions::user_id.eq(user_id.to_string()))
        .select(diesel::dsl::max(sessions::access_expires_at_s))
        .first(conn)?)
}

/// Deletes at most `limit` sessions that ended or expired before `before_ms` and whose access tokens have all
/// expired. Returns how many. Their refresh tokens are deleted with them. Rows that another transaction has locked
/// are left for the next time.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let dead = sessions::access_expires_at_s.lt(before_ms.div_euclid(1000));
    let ended = sessions::table
        .filter(sessions::ended_at_ms.lt(before_ms))
        .filter(dead)
        .order(sessions::ended_at_ms)
        .limit(limit)
        .select(sessions::id);
    let ended = unlocked!(conn, ended);
    let removed = remove(conn, ended)?;
    let left = limit.saturating_sub(i64::try_from(removed).unwrap_or(limit));
    if left == 0 {
        return Ok(removed);
    }
    let expired = sessions::table
        .filter(sessions::idle_expires_at_ms.lt(before_ms))
        .filter(dead)
        .order(sessions::idle_expires_at_ms)
        .limit(left)
        .select(sessions::id);
    let expired = unlocked!(conn, expired);
    Ok(removed + remove(conn, expired)?)
}

fn remove(conn: &mut DbConnection, ids: Vec<String>) -> Result<usize, DatabaseError> {
    Ok(diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(conn)?)
}

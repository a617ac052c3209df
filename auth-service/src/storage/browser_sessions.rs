//! The table `browser_sessions`.

mod end;

use std::collections::BTreeSet;

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

pub use self::end::end;
use super::clients::ClientRow;
use super::lock::{LockingBrowserSessions, LockingUsersAndBrowserSessions, unlocked};
use super::schema::{authorization_codes, browser_sessions, clients, users};
use super::users::UserRow;
use super::{joined, parse_uuid, unreadable, words};
use crate::domain::{BrowserSession, Client, Credentials, Device, EndReason, HandleHash, PreviousHandle};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = browser_sessions, treat_none_as_null = true)]
pub(super) struct BrowserSessionRow {
    id: String,
    user_id: String,
    handle_hash: Vec<u8>,
    previous_handle_hash: Option<Vec<u8>>,
    previous_signed_in_at_ms: Option<i64>,
    handle_replaced_at_ms: Option<i64>,
    credentials_version: i64,
    amr: String,
    signed_in_at_ms: i64,
    created_at_ms: i64,
    last_used_at_ms: i64,
    idle_expires_at_ms: i64,
    expires_at_ms: i64,
    unused_expires_at_ms: Option<i64>,
    ended_at_ms: Option<i64>,
    user_agent: Option<String>,
    address: Option<String>,
    client_ids: String,
}

impl BrowserSessionRow {
    fn from_session(session: &BrowserSession) -> Self {
        let previous = session.previous.as_ref();
        Self {
            id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            handle_hash: session.handle.as_bytes().to_vec(),
            previous_handle_hash: previous.map(|previous| previous.hash.as_bytes().to_vec()),
            previous_signed_in_at_ms: previous.map(|previous| previous.signed_in_at_ms),
            handle_replaced_at_ms: previous.map(|previous| previous.replaced_at_ms),
            credentials_version: session.credentials_version,
            amr: session.amr.join(" "),
            signed_in_at_ms: session.signed_in_at_ms,
            created_at_ms: session.created_at_ms,
            last_used_at_ms: session.last_used_at_ms,
            idle_expires_at_ms: session.idle_expires_at_ms,
            expires_at_ms: session.expires_at_ms,
            unused_expires_at_ms: session.unused_expires_at_ms,
            ended_at_ms: session.ended_at_ms,
            user_agent: session.device.user_agent.clone(),
            address: session.device.address.clone(),
            client_ids: joined(&session.client_ids),
        }
    }

    pub(super) fn into_session(self) -> QueryResult<BrowserSession> {
        let hash = |bytes: &[u8]| {
            HandleHash::from_stored(bytes)
                .ok_or_else(|| unreadable("browser_sessions holds no handle's hash"))
        };
        let previous =
            match (self.previous_handle_hash, self.previous_signed_in_at_ms, self.handle_replaced_at_ms) {
                (Some(bytes), Some(signed_in_at_ms), Some(replaced_at_ms)) => {
                    Some(PreviousHandle { hash: hash(&bytes)?, signed_in_at_ms, replaced_at_ms })
                }
                _ => None,
            };
        Ok(BrowserSession {
            id: parse_uuid("browser_sessions.id", &self.id)?,
            user_id: parse_uuid("browser_sessions.user_id", &self.user_id)?,
            handle: hash(&self.handle_hash)?,
            previous,
            credentials_version: self.credentials_version,
            amr: self.amr.split_ascii_whitespace().map(str::to_owned).collect(),
            signed_in_at_ms: self.signed_in_at_ms,
            created_at_ms: self.created_at_ms,
            last_used_at_ms: self.last_used_at_ms,
            idle_expires_at_ms: self.idle_expires_at_ms,
            expires_at_ms: self.expires_at_ms,
            unused_expires_at_ms: self.unused_expires_at_ms,
            ended_at_ms: self.ended_at_ms,
            device: Device { user_agent: self.user_agent, address: self.address },
            client_ids: words(&self.client_ids),
        })
    }
}

/// Inserts a new session. The caller holds the user's lock.
pub fn insert(conn: &mut DbConnection, session: &BrowserSession) -> Result<(), DatabaseError> {
    diesel::insert_into(browser_sessions::table)
        .values(BrowserSessionRow::from_session(session))
        .execute(conn)?;
    Ok(())
}

/// Replaces the row of a session. The caller holds the user's lock, and has read the session under it.
pub fn update(conn: &mut DbConnection, session: &BrowserSession) -> Result<(), DatabaseError> {
    diesel::update(browser_sessions::table.find(session.id.to_string()))
        .set(BrowserSessionRow::from_session(session))
        .execute(conn)?;
    Ok(())
}

/// Stores a use that was noted. The idle end is never lowered.
pub fn touch(conn: &mut DbConnection, session: &BrowserSession) -> Result<(), DatabaseError> {
    let live = browser_sessions::table
        .find(session.id.to_string())
        .filter(browser_sessions::idle_expires_at_ms.le(session.idle_expires_at_ms));
    diesel::update(live)
        .set((
            browser_sessions::last_used_at_ms.eq(session.last_used_at_ms),
            browser_sessions::idle_expires_at_ms.eq(session.idle_expires_at_ms),
            browser_sessions::unused_expires_at_ms.eq(None::<i64>),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that a client got a code from a session. The caller holds the user's lock, and has read the session under it.
pub fn note_client(
    conn: &mut DbConnection,
    session: &BrowserSession,
    client_id: &str,
) -> Result<(), DatabaseError> {
    let mut client_ids = session.client_ids.clone();
    client_ids.insert(client_id.to_owned());
    diesel::update(browser_sessions::table.find(session.id.to_string()))
        .set(browser_sessions::client_ids.eq(joined(&client_ids)))
        .execute(conn)?;
    Ok(())
}

/// Finds the session with this id, ended or not.
pub fn find(conn: &mut DbConnection, id: Uuid) -> Result<Option<BrowserSession>, DatabaseError> {
    let row = browser_sessions::table.find(id.to_string());
    let row = row.select(BrowserSessionRow::as_select()).first(conn).optional()?;
    Ok(row.map(BrowserSessionRow::into_session).transpose()?)
}

/// Finds the session that this handle names or named before, and its user.
pub fn find_by_handle(
    conn: &mut DbConnection,
    handle: &HandleHash,
) -> Result<Option<(BrowserSession, Credentials)>, DatabaseError> {
    let current = browser_sessions::handle_hash.eq(handle.as_bytes());
    let previous = browser_sessions::previous_handle_hash.eq(handle.as_bytes()).assume_not_null();
    let row: Option<(BrowserSessionRow, UserRow)> = browser_sessions::table
        .inner_join(users::table)
        .filter(current.or(previous))
        .select(<(BrowserSessionRow, UserRow)>::as_select())
        .first(conn)
        .optional()?;
    let Some((session, user)) = row else { return Ok(None) };
    Ok(Some((session.into_session()?, user.into_credentials()?)))
}

/// Finds the session that this handle names or named before, and its user, and locks both: the user as
/// [`users::lock`](super::users::lock) does. The session's row is locked for the reason that
/// [`lock_with_user_and_client`] gives.
pub fn lock_with_user(
    conn: &mut DbConnection,
    handle: &HandleHash,
) -> Result<Option<(BrowserSession, Credentials)>, DatabaseError> {
    type Rows = (BrowserSessionRow, UserRow);
    let current = browser_sessions::handle_hash.eq(handle.as_bytes());
    let previous = browser_sessions::previous_handle_hash.eq(handle.as_bytes()).assume_not_null();
    let found = browser_sessions::table.inner_join(users::table).filter(current.or(previous));
    let row: Option<Rows> = match conn {
        DbConnection::Postgres(conn) => {
            LockingUsersAndBrowserSessions(found.select(Rows::as_select())).get_result(conn).optional()?
        }
        DbConnection::Sqlite(conn) => found.select(Rows::as_select()).get_result(conn).optional()?,
    };
    let Some((session, user)) = row else { return Ok(None) };
    Ok(Some((session.into_session()?, user.into_credentials()?)))
}

/// A browser session with its user and a client, all of them locked.
pub struct LockedSession {
    /// The session, ended or not.
    pub session: BrowserSession,
    /// Its user.
    pub credentials: Credentials,
    /// The client.
    pub client: Client,
    /// How many codes the user had that nobody redeemed, expired ones included. It was counted before the wait for the
    /// locks, so codes that others stored during the wait are missing.
    pub unredeemed_codes: i64,
}

/// Finds the session that this handle names or named before, its user, and the client with this id, and locks all three:
/// the user as [`users::lock`](super::users::lock) does, the client as [`clients::lock`](super::clients::lock) does. `None`
/// if there is no such session or no such client.
///
/// The session's row is locked although whoever ends a session holds the user's lock: on PostgreSQL a query that waited
/// for a lock sees the newest version of the rows that it locks, and the version from before the wait of all other rows. So
/// without its own lock a session that ended during the wait would look live.
pub fn lock_with_user_and_client(
    conn: &mut DbConnection,
    handle: &HandleHash,
    client_id: &str,
) -> Result<Option<LockedSession>, DatabaseError> {
    type Rows = (BrowserSessionRow, UserRow, ClientRow);
    let current = browser_sessions::handle_hash.eq(handle.as_bytes());
    let previous = browser_sessions::previous_handle_hash.eq(handle.as_bytes()).assume_not_null();
    let unredeemed = authorization_codes::table
        .filter(authorization_codes::user_id.eq(users::id))
        .filter(authorization_codes::consumed_at_ms.is_null())
        .count()
        .single_value()
        .assume_not_null();
    let found = browser_sessions::table
        .inner_join(users::table)
        .inner_join(clients::table.on(clients::id.eq(client_id)))
        .filter(current.or(previous));
    let row: Option<(Rows, i64)> = match conn {
        DbConnection::Postgres(conn) => {
            let found = found.select((Rows::as_select(), unredeemed));
            LockingBrowserSessions(found).get_result(conn).optional()?
        }
        DbConnection::Sqlite(conn) => {
            found.select((Rows::as_select(), unredeemed)).get_result(conn).optional()?
        }
    };
    let Some(((session, user, client), unredeemed_codes)) = row else { return Ok(None) };
    Ok(Some(LockedSession {
        session: session.into_session()?,
        credentials: user.into_credentials()?,
        client: client.into_client()?,
        unredeemed_codes,
    }))
}

/// The live sessions of a user: their ids and their last uses.
pub fn live_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<(Uuid, i64)>, DatabaseError> {
    let is_waited_for = browser_sessions::unused_expires_at_ms
        .is_null()
        .or(browser_sessions::unused_expires_at_ms.gt(now_ms).assume_not_null());
    let rows: Vec<(String, i64)> = browser_sessions::table
        .filter(browser_sessions::user_id.eq(user_id.to_string()))
        .filter(browser_sessions::ended_at_ms.is_null())
        .filter(browser_sessions::expires_at_ms.gt(now_ms))
        .filter(browser_sessions::idle_expires_at_ms.gt(now_ms))
        .filter(is_waited_for)
        .order(browser_sessions::last_used_at_ms.desc())
        .limit(limit)
        .select((browser_sessions::id, browser_sessions::last_used_at_ms))
        .load(conn)?;
    let read = |(id, used_ms): (String, i64)| Ok((parse_uuid("browser_sessions.id", &id)?, used_ms));
    Ok(rows.into_iter().map(read).collect::<QueryResult<_>>()?)
}

/// The live sessions of a user, each with the clients that got a code from it.
pub fn live_with_clients(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
) -> Result<Vec<(Uuid, BTreeSet<String>)>, DatabaseError> {
    let rows: Vec<BrowserSessionRow> = browser_sessions::table
        .filter(browser_sessions::user_id.eq(user_id.to_string()))
        .filter(browser_sessions::ended_at_ms.is_null())
        .select(BrowserSessionRow::as_select())
        .load(conn)?;
    let sessions = rows.into_iter().map(BrowserSessionRow::into_session).collect::<QueryResult<Vec<_>>>()?;
    let live = sessions.into_iter().filter(|session| session.is_live(now_ms));
    Ok(live.map(|session| (session.id, session.client_ids)).collect())
}

/// Ends every session of a user. Returns how many. The caller holds the user's lock.
pub fn end_all_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    reason: EndReason,
    now_ms: i64,
) -> Result<usize, DatabaseError> {
    let live = browser_sessions::table
        .filter(browser_sessions::user_id.eq(user_id.to_string()))
        .filter(browser_sessions::ended_at_ms.is_null());
    Ok(diesel::update(live)
        .set((browser_sessions::ended_at_ms.eq(now_ms), browser_sessions::end_reason.eq(reason.as_str())))
        .execute(conn)?)
}

/// Deletes at most `limit` sessions that ended, expired, or were never used, before `before_ms`. Returns how many. Rows
/// that another transaction has locked are left for the next time.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let is_over = browser_sessions::ended_at_ms
        .lt(before_ms)
        .assume_not_null()
        .or(browser_sessions::idle_expires_at_ms.lt(before_ms))
        .or(browser_sessions::unused_expires_at_ms.lt(before_ms).assume_not_null());
    let over = browser_sessions::table.filter(is_over).limit(limit).select(browser_sessions::id);
    let over: Vec<String> = unlocked!(conn, over);
    Ok(diesel::delete(browser_sessions::table.filter(browser_sessions::id.eq_any(over))).execute(conn)?)
}

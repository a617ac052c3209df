//! What changes in all tables at once after the database was restored to an earlier state. Its callers serve nothing
//! meanwhile, so no row is locked first.

use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use service_kit::database::{DatabaseError, DbConnection};

use super::schema::{
    audit_events, authorization_codes, browser_sessions, client_registry, clients, mailed_links, meta,
    queue_messages, sessions, users,
};
use crate::domain::EndReason;
use crate::storage::meta::DATABASE_ID;

/// Ends every session of a client that has not ended. Returns how many these were.
pub fn end_sessions(conn: &mut DbConnection, now_ms: i64) -> Result<usize, DatabaseError> {
    let live = sessions::table.filter(sessions::ended_at_ms.is_null());
    let ended = (sessions::ended_at_ms.eq(now_ms), sessions::end_reason.eq(EndReason::Restored.as_str()));
    Ok(diesel::update(live).set(ended).execute(conn)?)
}

/// Ends every browser session that has not ended. Returns how many these were.
pub fn end_browser_sessions(conn: &mut DbConnection, now_ms: i64) -> Result<usize, DatabaseError> {
    let live = browser_sessions::table.filter(browser_sessions::ended_at_ms.is_null());
    let ended = (
        browser_sessions::ended_at_ms.eq(now_ms),
        browser_sessions::end_reason.eq(EndReason::Restored.as_str()),
    );
    Ok(diesel::update(live).set(ended).execute(conn)?)
}

/// Deletes every authorization code. Returns how many there were.
pub fn delete_codes(conn: &mut DbConnection) -> Result<usize, DatabaseError> {
    Ok(diesel::delete(authorization_codes::table).execute(conn)?)
}

/// Deletes every link that was mailed. Returns how many there were.
pub fn delete_links(conn: &mut DbConnection) -> Result<usize, DatabaseError> {
    Ok(diesel::delete(mailed_links::table).execute(conn)?)
}

/// Deletes every message that waits to be sent: mails, logout tokens. Returns how many there were.
pub fn delete_messages(conn: &mut DbConnection) -> Result<usize, DatabaseError> {
    Ok(diesel::delete(queue_messages::table).execute(conn)?)
}

/// Raises the version of every user's credentials, so that nothing that names one counts any more, and moves every user's cut
/// to `cut_ms` or later. Returns the number of users.
pub fn cut_users(conn: &mut DbConnection, cut_ms: i64) -> Result<usize, DatabaseError> {
    // One statement, because each writes every row anew.
    let later = case_when(users::token_cut_ms.ge(cut_ms), users::token_cut_ms + 1)
        .otherwise(cut_ms.into_sql::<Nullable<BigInt>>());
    let raised = users::credentials_version.eq(users::credentials_version + 1);
    Ok(diesel::update(users::table).set((users::token_cut_ms.eq(later), raised)).execute(conn)?)
}

/// Moves every client's cut to `cut_ms` or later, and makes servers read the clients again. Returns the number of clients.
pub fn cut_clients(conn: &mut DbConnection, cut_ms: i64) -> Result<usize, DatabaseError> {
    let late = clients::table.filter(clients::token_cut_ms.ge(cut_ms));
    let later =
        diesel::update(late).set(clients::token_cut_ms.eq(clients::token_cut_ms + 1)).execute(conn)?;
    let early = clients::table.filter(clients::token_cut_ms.is_null().or(clients::token_cut_ms.lt(cut_ms)));
    let early = diesel::update(early).set(clients::token_cut_ms.eq(cut_ms)).execute(conn)?;
    let newer = client_registry::version.eq(client_registry::version + 1);
    diesel::update(client_registry::table.find(1)).set(newer).execute(conn)?;
    Ok(later + early)
}

/// Reads the id of the database. A database that no server has served yet has none.
pub fn database_id(conn: &mut DbConnection) -> Result<Option<String>, DatabaseError> {
    super::meta::find(conn, DATABASE_ID)
}

/// Gives the database another id. Verifiers then take its revocation list for another one, and begin anew.
pub fn replace_database_id(conn: &mut DbConnection, fresh: &str) -> Result<(), DatabaseError> {
    let id = meta::table.find(DATABASE_ID);
    if diesel::update(id).set(meta::value.eq(fresh)).execute(conn)? == 0 {
        super::meta::insert(conn, DATABASE_ID, fresh)?;
    }
    Ok(())
}

/// What changed last in the restored state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastChanges {
    /// When the last audit event was recorded, in milliseconds since the Unix epoch.
    pub last_event_at_ms: Option<i64>,
    /// The names of users, and when each was changed, newest first.
    pub users: Vec<(String, i64)>,
    /// The ids of clients, and when each was changed, newest first.
    pub clients: Vec<(String, i64)>,
}

/// Reads when the state was current, and at most `limit` of the users and of the clients that were changed last.
pub fn last_changes(conn: &mut DbConnection, limit: i64) -> Result<LastChanges, DatabaseError> {
    Ok(LastChanges {
        last_event_at_ms: audit_events::table.select(diesel::dsl::max(audit_events::at_ms)).first(conn)?,
        users: users::table
            .order((users::updated_at_ms.desc(), users::id))
            .limit(limit)
            .select((users::username, users::updated_at_ms))
            .load(conn)?,
        clients: clients::table
            .order((clients::updated_at_ms.desc(), clients::id))
            .limit(limit)
            .select((clients::id, clients::updated_at_ms))
            .load(conn)?,
    })
}

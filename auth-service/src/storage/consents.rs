//! The table `consents`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::schema::consents;
use super::unreadable;
use crate::domain::Consent;

/// Finds what a user allowed a client.
pub fn find(
    conn: &mut DbConnection,
    user_id: Uuid,
    client_id: &str,
) -> Result<Option<Consent>, DatabaseError> {
    let row: Option<(String, String)> = consents::table
        .find((user_id.to_string(), client_id))
        .select((consents::scope, consents::audience))
        .first(conn)
        .optional()?;
    let Some((scope, audience)) = row else { return Ok(None) };
    let scope = Scopes::parse(&scope).map_err(|_| unreadable("consents.scope is no scope list"))?;
    Ok(Some(Consent { scope, audience: audience.split_ascii_whitespace().map(str::to_owned).collect() }))
}

/// What a user allowed: the clients, what each may do, and when it was allowed first.
pub fn of_user(conn: &mut DbConnection, user_id: Uuid) -> Result<Vec<(String, Consent, i64)>, DatabaseError> {
    let rows: Vec<(String, String, String, i64)> = consents::table
        .filter(consents::user_id.eq(user_id.to_string()))
        .select((consents::client_id, consents::scope, consents::audience, consents::allowed_at_ms))
        .load(conn)?;
    let read = |(client_id, scope, audience, allowed_at_ms): (String, String, String, i64)| {
        let scope = Scopes::parse(&scope).map_err(|_| unreadable("consents.scope is no scope list"))?;
        let audience = audience.split_ascii_whitespace().map(str::to_owned).collect();
        Ok((client_id, Consent { scope, audience }, allowed_at_ms))
    };
    Ok(rows.into_iter().map(read).collect::<QueryResult<_>>()?)
}

/// Stores what a user allowed a client, instead of what was stored before. The caller holds the user's lock.
pub fn store(
    conn: &mut DbConnection,
    user_id: Uuid,
    client_id: &str,
    consent: &Consent,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    let (scope, audience) = (consent.scope.to_string(), consent.audience.join(" "));
    let changed = diesel::update(consents::table.find((user_id.to_string(), client_id)))
        .set((consents::scope.eq(&scope), consents::audience.eq(&audience)))
        .execute(conn)?;
    if changed == 0 {
        diesel::insert_into(consents::table)
            .values((
                consents::user_id.eq(user_id.to_string()),
                consents::client_id.eq(client_id),
                consents::scope.eq(&scope),
                consents::audience.eq(&audience),
                consents::allowed_at_ms.eq(now_ms),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes what a user allowed a client. Returns whether there was anything. The caller holds the user's lock.
pub fn delete(conn: &mut DbConnection, user_id: Uuid, client_id: &str) -> Result<bool, DatabaseError> {
    Ok(diesel::delete(consents::table.find((user_id.to_string(), client_id))).execute(conn)? > 0)
}

/// Deletes everything that a user allowed. Returns the clients. The caller holds the user's lock.
pub fn delete_all_of_user(conn: &mut DbConnection, user_id: Uuid) -> Result<Vec<String>, DatabaseError> {
    let of_user = || consents::table.filter(consents::user_id.eq(user_id.to_string()));
    let clients = of_user().select(consents::client_id).order(consents::client_id).load(conn)?;
    diesel::delete(of_user()).execute(conn)?;
    Ok(clients)
}

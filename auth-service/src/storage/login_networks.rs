//! The table `login_networks`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::lock::unlocked;
use super::schema::login_networks;
use crate::domain::{
    MOST_ACCOUNTS_OF_NETWORK, MOST_KNOWN_NETWORKS, NETWORK_KNOWN_MS, NetworkLogins, NetworkTag, NotedLogin,
};

/// The logins from a network: those of this user, and those of others. `None` stands for an account that nobody has, and costs
/// the same two queries.
pub fn find(
    conn: &mut DbConnection,
    user_id: Option<Uuid>,
    network: NetworkTag,
    now_ms: i64,
) -> Result<NetworkLogins, DatabaseError> {
    // Nobody has the empty id.
    let user_id = user_id.map(|id| id.to_string()).unwrap_or_default();
    let tag = network.0.as_slice();
    let own: Option<(i64, i64)> = login_networks::table
        .find((&user_id, tag))
        .select((login_networks::credentials_version, login_networks::last_login_at_ms))
        .first(conn)
        .optional()?;
    let others: Vec<String> = login_networks::table
        .filter(login_networks::network.eq(tag))
        .filter(login_networks::last_login_at_ms.gt(now_ms.saturating_sub(NETWORK_KNOWN_MS)))
        .filter(login_networks::user_id.ne(&user_id))
        .limit(MOST_ACCOUNTS_OF_NETWORK)
        .select(login_networks::user_id)
        .load(conn)?;
    Ok(NetworkLogins {
        own: own.map(|(version, at_ms)| NotedLogin { version, at_ms }),
        other_accounts: i64::try_from(others.len()).unwrap_or(i64::MAX),
    })
}

/// Notes a login of a user from a network. Of the user's networks only those of the latest logins stay. The caller holds the
/// user's lock.
pub fn note(
    conn: &mut DbConnection,
    user_id: Uuid,
    network: NetworkTag,
    login: NotedLogin,
) -> Result<(), DatabaseError> {
    let user_id = user_id.to_string();
    let values = (
        login_networks::credentials_version.eq(login.version),
        login_networks::last_login_at_ms.eq(login.at_ms),
    );
    let own = login_networks::table.find((&user_id, network.0.as_slice()));
    if diesel::update(own).set(values).execute(conn)? == 1 {
        return Ok(());
    }
    diesel::insert_into(login_networks::table)
        .values((
            login_networks::user_id.eq(&user_id),
            login_networks::network.eq(network.0.as_slice()),
            values,
        ))
        .execute(conn)?;
    let of_user = login_networks::table.filter(login_networks::user_id.eq(&user_id));
    let older: Vec<Vec<u8>> = of_user
        .filter(login_networks::network.ne(network.0.as_slice()))
        .order((login_networks::last_login_at_ms.desc(), login_networks::network))
        .offset(MOST_KNOWN_NETWORKS - 1)
        // SQLite knows no offset without a limit.
        .limit(i64::from(u16::MAX))
        .select(login_networks::network)
        .load(conn)?;
    if !older.is_empty() {
        diesel::delete(of_user.filter(login_networks::network.eq_any(older))).execute(conn)?;
    }
    Ok(())
}

/// Deletes at most `limit` networks that were known until `before_ms` at the latest. Returns how many. Rows that another
/// transaction has locked are left for the next time.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let over = login_networks::table
        .filter(login_networks::last_login_at_ms.lt(before_ms.saturating_sub(NETWORK_KNOWN_MS)))
        .limit(limit)
        .select((login_networks::user_id, login_networks::network));
    let over: Vec<(String, Vec<u8>)> = unlocked!(conn, over);
    let mut deleted = 0;
    for (user_id, network) in over {
        deleted += diesel::delete(login_networks::table.find((user_id, network))).execute(conn)?;
    }
    Ok(deleted)
}

//! `meta`: facts about this database itself.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::{meta, revocation_log};

/// The row that holds the database's own id.
pub const DATABASE_ID: &str = "database_id";

/// The row that says who prunes.
pub const PRUNING: &str = "pruning";

/// The value of `name`.
pub fn find(conn: &mut DbConnection, name: &str) -> QueryResult<Option<String>> {
    meta::table.find(name).select(meta::value).first(conn).optional()
}

/// Sets a value that was not there; a unique violation when it is.
pub fn insert(conn: &mut DbConnection, name: &str, value: &str) -> QueryResult<()> {
    diesel::insert_into(meta::table).values((meta::name.eq(name), meta::value.eq(value))).execute(conn)?;
    Ok(())
}

/// Makes replicas take turns until this transaction ends, for what is made once: the database's id, secrets, signing
/// keys. (Locks the one row that every database has from the start.)
pub fn lock(conn: &mut DbConnection) -> QueryResult<()> {
    diesel::update(revocation_log::table.find(1))
        .set(revocation_log::last_seq.eq(revocation_log::last_seq))
        .execute(conn)?;
    Ok(())
}

/// The id of this database; `fresh` becomes it where it has none yet. In a write transaction.
pub fn ensure_database_id(conn: &mut DbConnection, fresh: &str) -> QueryResult<String> {
    lock(conn)?;
    if let Some(id) = find(conn, DATABASE_ID)? {
        return Ok(id);
    }
    insert(conn, DATABASE_ID, fresh)?;
    Ok(fresh.to_owned())
}

/// Who asks for work that one replica does at a time, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// Who: an id without spaces.
    pub holder: &'a str,
    /// When.
    pub now_ms: i64,
    /// For how long from then on.
    pub length_ms: i64,
}

/// Takes or renews the lease on `name`; whether it is held now. The row stays locked until this transaction ends, so what
/// follows in it is done by one replica at a time, whatever the clocks say. Who does not get it does not wait. The row of that
/// name is made by a migration.
pub fn hold(conn: &mut DbConnection, name: &str, lease: &Lease<'_>) -> QueryResult<bool> {
    let until_ms = lease.now_ms.saturating_add(lease.length_ms);
    // One that ends much later than any that begins now was written by a clock that was ahead.
    let plausible = lease.now_ms..=until_ms.saturating_add(lease.length_ms);
    let Some(standing) = find(conn, name)? else { return Ok(false) };
    let is_another = standing.split_once(' ').is_some_and(|(holder, end_ms)| {
        holder != lease.holder && end_ms.parse().is_ok_and(|end_ms: i64| plausible.contains(&end_ms))
    });
    if is_another {
        return Ok(false);
    }
    let unchanged = meta::table.find(name).filter(meta::value.eq(&standing));
    let renewed = format!("{} {until_ms}", lease.holder);
    Ok(diesel::update(unchanged).set(meta::value.eq(renewed)).execute(conn)? == 1)
}

//! The table `meta`: values about this database itself.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};

use super::schema::{meta, revocation_log};

/// The row that holds the database's own id.
pub const DATABASE_ID: &str = "database_id";

/// The row with the number of users whose verified address became unverified when addresses became unique.
pub const VERIFIED_ADDRESSES_TAKEN: &str = "verified_addresses_taken";

/// The row with the lease for pruning.
pub const PRUNING: &str = "pruning";

/// The row that is locked while messages of the queue are claimed.
pub const QUEUE: &str = "queue";

/// Reads the value of `name`.
pub fn find(conn: &mut DbConnection, name: &str) -> Result<Option<String>, DatabaseError> {
    Ok(meta::table.find(name).select(meta::value).first(conn).optional()?)
}

/// Inserts a value. Fails with a unique violation if it exists already.
pub fn insert(conn: &mut DbConnection, name: &str, value: &str) -> Result<(), DatabaseError> {
    diesel::insert_into(meta::table).values((meta::name.eq(name), meta::value.eq(value))).execute(conn)?;
    Ok(())
}

/// Takes a lock until this transaction ends, so that replicas take turns to create what exists once: the database's
/// id, secrets and signing keys. (Locks the one row that every database has from the start.)
pub fn lock(conn: &mut DbConnection) -> Result<(), DatabaseError> {
    diesel::update(revocation_log::table.find(1))
        .set(revocation_log::last_seq.eq(revocation_log::last_seq))
        .execute(conn)?;
    Ok(())
}

/// Returns the id of this database, or makes `fresh` its id if it has none. Call it in a write transaction.
pub fn ensure_database_id(conn: &mut DbConnection, fresh: &str) -> Result<String, DatabaseError> {
    lock(conn)?;
    if let Some(id) = find(conn, DATABASE_ID)? {
        return Ok(id);
    }
    insert(conn, DATABASE_ID, fresh)?;
    Ok(fresh.to_owned())
}

/// A request for a lease on work that one replica does at a time.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// The holder: an id without spaces.
    pub holder: &'a str,
    /// The current time.
    pub now_ms: i64,
    /// The length of the lease.
    pub length_ms: i64,
}

/// Takes or renews the lease on `name`. Returns whether the lease is held; never waits for another holder. The row
/// stays locked until this transaction ends, so the rest of the transaction is run by one replica at a time, even if
/// clocks differ. A migration inserts the row.
pub fn hold(conn: &mut DbConnection, name: &str, lease: &Lease<'_>) -> Result<bool, DatabaseError> {
    let until_ms = lease.now_ms.saturating_add(lease.length_ms);
    // A lease that ends much later than one that begins now was written by a replica whose clock was ahead, and is
    // ignored.
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

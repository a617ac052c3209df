//! `meta`: facts about this database itself.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::{meta, revocation_log};

/// The row that holds the database's own id.
pub const DATABASE_ID: &str = "database_id";

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

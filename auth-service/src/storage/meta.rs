//! `meta`: facts about this database itself.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::meta;

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

/// Makes replicas take turns until this transaction ends: whoever holds the row of the database's id decides what is
/// made once (secrets, signing keys).
pub fn lock(conn: &mut DbConnection) -> QueryResult<()> {
    diesel::update(meta::table.find(DATABASE_ID)).set(meta::value.eq(meta::value)).execute(conn)?;
    Ok(())
}

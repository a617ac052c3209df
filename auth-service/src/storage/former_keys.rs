//! The table `former_signing_keys`: the public parts of keys that have left the key set.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};

use super::schema::former_signing_keys;
use super::signing_keys::SigningKeyRow;

/// Keeps the public part of a key that leaves the key set now, and forgets those that left it before `before_ms`. The caller
/// holds [`super::meta::lock`].
pub fn keep(
    conn: &mut DbConnection,
    key: &SigningKeyRow,
    now_ms: i64,
    before_ms: i64,
) -> Result<(), DatabaseError> {
    let old = former_signing_keys::table.filter(former_signing_keys::left_at_ms.lt(before_ms));
    diesel::delete(old).execute(conn)?;
    // An imported key may have left the set before.
    remove(conn, &key.kid)?;
    diesel::insert_into(former_signing_keys::table)
        .values((
            former_signing_keys::kid.eq(&key.kid),
            former_signing_keys::modulus.eq(&key.modulus),
            former_signing_keys::exponent.eq(&key.exponent),
            former_signing_keys::left_at_ms.eq(now_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Finds the modulus and the exponent of the key with this id.
pub fn find(conn: &mut DbConnection, kid: &str) -> Result<Option<(String, String)>, DatabaseError> {
    let key = former_signing_keys::table.find(kid);
    Ok(key.select((former_signing_keys::modulus, former_signing_keys::exponent)).first(conn).optional()?)
}

/// The ids of all keys that have left the key set and are remembered.
pub fn ids(conn: &mut DbConnection) -> Result<Vec<String>, DatabaseError> {
    Ok(former_signing_keys::table.select(former_signing_keys::kid).load(conn)?)
}

/// Removes a key. Returns whether there was one.
pub fn remove(conn: &mut DbConnection, kid: &str) -> Result<bool, DatabaseError> {
    Ok(diesel::delete(former_signing_keys::table.find(kid)).execute(conn)? == 1)
}

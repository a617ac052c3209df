//! The table `secrets`: random secrets of the server, encrypted.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};

use super::schema::secrets;

/// A row of the table.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = secrets)]
pub struct SecretRow {
    /// The name of the secret.
    pub name: String,
    /// The secret, encrypted with the encryption key.
    pub ciphertext: Vec<u8>,
    /// The id of the encryption key.
    pub key_id: String,
    /// When it was created.
    pub created_at_ms: i64,
}

/// Finds the secret with this name.
pub fn find(conn: &mut DbConnection, name: &str) -> Result<Option<SecretRow>, DatabaseError> {
    Ok(secrets::table.find(name).select(SecretRow::as_select()).first(conn).optional()?)
}

/// Inserts a new secret.
pub fn insert(conn: &mut DbConnection, row: &SecretRow) -> Result<(), DatabaseError> {
    diesel::insert_into(secrets::table).values(row).execute(conn)?;
    Ok(())
}

/// Reads every secret.
pub fn all(conn: &mut DbConnection) -> Result<Vec<SecretRow>, DatabaseError> {
    Ok(secrets::table.order(secrets::name).select(SecretRow::as_select()).load(conn)?)
}

/// Replaces the ciphertext, if it is still the one of `old_key_id`. Returns whether it was.
pub fn reseal(
    conn: &mut DbConnection,
    name: &str,
    old_key_id: &str,
    ciphertext: &[u8],
    key_id: &str,
) -> Result<bool, DatabaseError> {
    let resealed = diesel::update(secrets::table.find(name).filter(secrets::key_id.eq(old_key_id)))
        .set((secrets::ciphertext.eq(ciphertext), secrets::key_id.eq(key_id)))
        .execute(conn)?;
    Ok(resealed == 1)
}

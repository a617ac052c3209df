//! `secrets`: random server secrets, sealed.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::secrets;

/// A secret as it is stored.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = secrets)]
pub struct SecretRow {
    /// What it is for.
    pub name: String,
    /// Sealed under the encryption key.
    pub ciphertext: Vec<u8>,
    /// Which encryption key.
    pub key_id: String,
    /// When it was made.
    pub created_at_ms: i64,
}

/// The secret of that name.
pub fn find(conn: &mut DbConnection, name: &str) -> QueryResult<Option<SecretRow>> {
    secrets::table.find(name).select(SecretRow::as_select()).first(conn).optional()
}

/// Stores a new secret.
pub fn insert(conn: &mut DbConnection, row: &SecretRow) -> QueryResult<()> {
    diesel::insert_into(secrets::table).values(row).execute(conn)?;
    Ok(())
}

/// Every secret.
pub fn all(conn: &mut DbConnection) -> QueryResult<Vec<SecretRow>> {
    secrets::table.order(secrets::name).select(SecretRow::as_select()).load(conn)
}

/// Puts what was sealed anew in the place of what `old_key_id` sealed; whether it stood there still.
pub fn reseal(
    conn: &mut DbConnection,
    name: &str,
    old_key_id: &str,
    ciphertext: &[u8],
    key_id: &str,
) -> QueryResult<bool> {
    let resealed = diesel::update(secrets::table.find(name).filter(secrets::key_id.eq(old_key_id)))
        .set((secrets::ciphertext.eq(ciphertext), secrets::key_id.eq(key_id)))
        .execute(conn)?;
    Ok(resealed == 1)
}

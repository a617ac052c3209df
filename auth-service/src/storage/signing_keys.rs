//! `signing_keys`: the RSA keys, private halves sealed.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::signing_keys;

/// A signing key as it is stored.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKeyRow {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// `next`, `active` or `retired`.
    pub state: String,
    /// `RS256`.
    pub algorithm: String,
    /// base64url, as in the key set.
    pub modulus: String,
    /// base64url, as in the key set.
    pub exponent: String,
    /// PKCS#8, sealed under the encryption key.
    pub private_key: Vec<u8>,
    /// Which encryption key.
    pub key_id: String,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it begins, or began, to sign.
    pub activates_at_ms: i64,
    /// When it leaves the key set.
    pub retires_at_ms: Option<i64>,
}

/// Every key, oldest first.
pub fn all(conn: &mut DbConnection) -> QueryResult<Vec<SigningKeyRow>> {
    signing_keys::table
        .order((signing_keys::created_at_ms, signing_keys::kid))
        .select(SigningKeyRow::as_select())
        .load(conn)
}

/// Stores a new key.
pub fn insert(conn: &mut DbConnection, row: &SigningKeyRow) -> QueryResult<()> {
    diesel::insert_into(signing_keys::table).values(row).execute(conn)?;
    Ok(())
}

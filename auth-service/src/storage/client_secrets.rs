//! The table `client_secrets`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};

use super::schema::client_secrets;
use super::{Listed, unreadable};
use crate::domain::{ClientSecret, ClientSecretHash};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = client_secrets)]
struct SecretRow {
    client_id: String,
    secret_hash: Vec<u8>,
    created_at_ms: i64,
    expires_at_ms: Option<i64>,
}

impl SecretRow {
    fn into_secret(self) -> QueryResult<(String, ClientSecret)> {
        let hash = ClientSecretHash::from_stored(&self.secret_hash);
        let hash = hash.ok_or_else(|| unreadable("client_secrets.secret_hash is no SHA-256"))?;
        let secret =
            ClientSecret { hash, created_at_ms: self.created_at_ms, expires_at_ms: self.expires_at_ms };
        Ok((self.client_id, secret))
    }
}

/// Inserts a new secret. Call [`begin_change`](super::clients::begin_change) first.
pub fn insert(
    conn: &mut DbConnection,
    client_id: &str,
    hash: &ClientSecretHash,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    let row = SecretRow {
        client_id: client_id.to_owned(),
        secret_hash: hash.as_bytes().to_vec(),
        created_at_ms: now_ms,
        expires_at_ms: None,
    };
    diesel::insert_into(client_secrets::table).values(row).execute(conn)?;
    Ok(())
}

/// Sets the current secret of a client to expire at `end_ms`, and deletes those that were to expire already, so that
/// at most one old secret is left. Call [`begin_change`](super::clients::begin_change) first.
pub fn replace_current(conn: &mut DbConnection, client_id: &str, end_ms: i64) -> Result<(), DatabaseError> {
    let of_client = client_secrets::table.filter(client_secrets::client_id.eq(client_id));
    diesel::delete(of_client.filter(client_secrets::expires_at_ms.is_not_null())).execute(conn)?;
    diesel::update(of_client).set(client_secrets::expires_at_ms.eq(end_ms)).execute(conn)?;
    Ok(())
}

/// Deletes one secret of a client, if it exists. Call [`begin_change`](super::clients::begin_change) first.
pub fn delete(
    conn: &mut DbConnection,
    client_id: &str,
    hash: &ClientSecretHash,
) -> Result<(), DatabaseError> {
    diesel::delete(client_secrets::table.find((client_id, hash.as_bytes()))).execute(conn)?;
    Ok(())
}

/// Deletes all secrets of a client. Call [`begin_change`](super::clients::begin_change) first.
pub fn delete_all(conn: &mut DbConnection, client_id: &str) -> Result<(), DatabaseError> {
    diesel::delete(client_secrets::table.filter(client_secrets::client_id.eq(client_id))).execute(conn)?;
    Ok(())
}

/// Reads the secrets of one client, newest last.
pub fn of_client(conn: &mut DbConnection, client_id: &str) -> Result<Vec<ClientSecret>, DatabaseError> {
    Ok(client_secrets::table
        .filter(client_secrets::client_id.eq(client_id))
        .order(client_secrets::created_at_ms)
        .select(SecretRow::as_select())
        .load(conn)?
        .into_iter()
        .map(|row| row.into_secret().map(|(_, secret)| secret))
        .collect::<QueryResult<_>>()?)
}

/// Reads the secrets of all clients, with the clients' ids.
pub fn all(conn: &mut DbConnection) -> Result<Listed<(String, ClientSecret)>, DatabaseError> {
    let rows = client_secrets::table
        .order(client_secrets::created_at_ms)
        .select(SecretRow::as_select())
        .load(conn)?;
    // An unreadable row is named by its client's id only, because the other part of the primary key is the hash,
    // which may be what cannot be read.
    Ok(Listed::of(rows, |row| &row.client_id, SecretRow::into_secret))
}

/// Deletes at most `limit` secrets that expired before `before_ms`. Returns how many.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let is_over = client_secrets::expires_at_ms.lt(before_ms).assume_not_null();
    let over = client_secrets::table
        .filter(is_over)
        .limit(limit)
        .select(client_secrets::secret_hash)
        .load::<Vec<u8>>(conn)?;
    let over = client_secrets::table.filter(client_secrets::secret_hash.eq_any(over)).filter(is_over);
    Ok(diesel::delete(over).execute(conn)?)
}

//! The table `signing_keys`: RSA keys, with encrypted private keys.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};

use super::schema::signing_keys;
use super::unreadable;
use crate::domain::signing_key::{KeyLifecycle, KeyState};

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKeyRow {
    /// The key id: the RFC 7638 thumbprint.
    pub kid: String,
    /// `next`, `active` or `retired`.
    pub state: String,
    /// The algorithm: `RS256`.
    pub algorithm: String,
    /// The modulus in base64url, as in the key set.
    pub modulus: String,
    /// The exponent in base64url, as in the key set.
    pub exponent: String,
    /// The private key in PKCS#8, encrypted with the encryption key.
    pub private_key: Vec<u8>,
    /// The id of the encryption key.
    pub key_id: String,
    /// When it was created.
    pub created_at_ms: i64,
    /// When it begins or began to sign.
    pub activates_at_ms: i64,
    /// When it leaves the key set. Only set for retired keys.
    pub retires_at_ms: Option<i64>,
    /// The latest expiry of the tokens that it signed.
    pub tokens_end_by_s: i64,
}

impl SigningKeyRow {
    /// The values that decide on the life cycle of the key.
    pub fn lifecycle(&self) -> Result<KeyLifecycle, DatabaseError> {
        let state = KeyState::parse(&self.state);
        Ok(KeyLifecycle {
            kid: self.kid.clone(),
            state: state
                .ok_or_else(|| unreadable(format!("signing key {} is in no known state", self.kid)))?,
            created_at_ms: self.created_at_ms,
            activates_at_ms: self.activates_at_ms,
            retires_at_ms: self.retires_at_ms,
            tokens_end_by_s: self.tokens_end_by_s,
        })
    }
}

/// Reads every key, oldest first.
pub fn all(conn: &mut DbConnection) -> Result<Vec<SigningKeyRow>, DatabaseError> {
    Ok(signing_keys::table
        .order((signing_keys::created_at_ms, signing_keys::kid))
        .select(SigningKeyRow::as_select())
        .load(conn)?)
}

/// Inserts a new key.
pub fn insert(conn: &mut DbConnection, row: &SigningKeyRow) -> Result<(), DatabaseError> {
    diesel::insert_into(signing_keys::table).values(row).execute(conn)?;
    Ok(())
}

/// Makes a key in state `next` the active one. Returns whether there was such a key. The caller holds
/// [`super::meta::lock`], as for every change of a key's state.
pub fn activate(conn: &mut DbConnection, kid: &str, now_ms: i64) -> Result<bool, DatabaseError> {
    let next = signing_keys::table.find(kid).filter(signing_keys::state.eq(KeyState::Next.as_str()));
    let activated = diesel::update(next)
        .set((signing_keys::state.eq(KeyState::Active.as_str()), signing_keys::activates_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(activated == 1)
}

/// Retires the active key. Returns whether it was active. `leaves_at_ms` computes when the key leaves the set, from
/// the latest expiry of its tokens. That expiry is read after the key was retired, when [`extend`] can no longer
/// change it.
pub fn retire(
    conn: &mut DbConnection,
    kid: &str,
    leaves_at_ms: impl FnOnce(i64) -> i64,
) -> Result<bool, DatabaseError> {
    let active = signing_keys::table.find(kid).filter(signing_keys::state.eq(KeyState::Active.as_str()));
    let retired =
        diesel::update(active).set(signing_keys::state.eq(KeyState::Retired.as_str())).execute(conn)?;
    if retired != 1 {
        return Ok(false);
    }
    let tokens_end_by_s = signing_keys::table.find(kid).select(signing_keys::tokens_end_by_s).first(conn)?;
    diesel::update(signing_keys::table.find(kid))
        .set(signing_keys::retires_at_ms.eq(leaves_at_ms(tokens_end_by_s)))
        .execute(conn)?;
    Ok(true)
}

/// Raises the latest expiry of the tokens of the active key to `until_s`. Returns whether it was raised.
pub fn extend(conn: &mut DbConnection, kid: &str, until_s: i64) -> Result<bool, DatabaseError> {
    let active = signing_keys::table
        .find(kid)
        .filter(signing_keys::state.eq(KeyState::Active.as_str()))
        .filter(signing_keys::tokens_end_by_s.lt(until_s));
    Ok(diesel::update(active).set(signing_keys::tokens_end_by_s.eq(until_s)).execute(conn)? == 1)
}

/// Deletes a retired key. Returns whether there was one.
pub fn forget(conn: &mut DbConnection, kid: &str) -> Result<bool, DatabaseError> {
    let retired = signing_keys::table.find(kid).filter(signing_keys::state.eq(KeyState::Retired.as_str()));
    Ok(diesel::delete(retired).execute(conn)? == 1)
}

/// Deletes a key in any state. Returns its last row, which includes every [`extend`].
pub fn remove(conn: &mut DbConnection, kid: &str) -> Result<Option<SigningKeyRow>, DatabaseError> {
    // Locks the row before it is read.
    diesel::update(signing_keys::table.find(kid)).set(signing_keys::kid.eq(kid)).execute(conn)?;
    let row = signing_keys::table.find(kid).select(SigningKeyRow::as_select()).first(conn).optional()?;
    diesel::delete(signing_keys::table.find(kid)).execute(conn)?;
    Ok(row)
}

/// Replaces the encrypted private key, if it is still encrypted with `old_key_id`. Returns whether it was.
pub fn reseal(
    conn: &mut DbConnection,
    kid: &str,
    old_key_id: &str,
    private_key: &[u8],
    key_id: &str,
) -> Result<bool, DatabaseError> {
    let resealed = diesel::update(signing_keys::table.find(kid).filter(signing_keys::key_id.eq(old_key_id)))
        .set((signing_keys::private_key.eq(private_key), signing_keys::key_id.eq(key_id)))
        .execute(conn)?;
    Ok(resealed == 1)
}

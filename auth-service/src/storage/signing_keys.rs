//! `signing_keys`: the RSA keys, private halves sealed.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::signing_keys;
use super::unreadable;
use crate::domain::signing_key::{KeyLife, KeyState};

/// A signing key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
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
    /// When it leaves the key set; retired keys only.
    pub retires_at_ms: Option<i64>,
    /// No token that it signed ends later.
    pub tokens_end_by_s: i64,
}

impl SigningKeyRow {
    /// What decides on the key.
    pub fn life(&self) -> QueryResult<KeyLife> {
        let state = KeyState::parse(&self.state);
        Ok(KeyLife {
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

/// Lets a key sign that did not; whether it was there to be activated. Under [`super::meta::lock`], as all that moves a
/// key.
pub fn activate(conn: &mut DbConnection, kid: &str, now_ms: i64) -> QueryResult<bool> {
    let next = signing_keys::table.find(kid).filter(signing_keys::state.eq(KeyState::Next.as_str()));
    let activated = diesel::update(next)
        .set((signing_keys::state.eq(KeyState::Active.as_str()), signing_keys::activates_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(activated == 1)
}

/// Ends the signing of the active key, to leave the set at what `leaves_at_ms` makes of the end of its tokens; whether it
/// was active. The end is read when no [`extend`] can move it any more.
pub fn retire(
    conn: &mut DbConnection,
    kid: &str,
    leaves_at_ms: impl FnOnce(i64) -> i64,
) -> QueryResult<bool> {
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

/// Allows tokens that end by `until_s` to be signed with the active key; whether that moved its end.
pub fn extend(conn: &mut DbConnection, kid: &str, until_s: i64) -> QueryResult<bool> {
    let active = signing_keys::table
        .find(kid)
        .filter(signing_keys::state.eq(KeyState::Active.as_str()))
        .filter(signing_keys::tokens_end_by_s.lt(until_s));
    Ok(diesel::update(active).set(signing_keys::tokens_end_by_s.eq(until_s)).execute(conn)? == 1)
}

/// Takes a retired key out; whether it was there.
pub fn forget(conn: &mut DbConnection, kid: &str) -> QueryResult<bool> {
    let retired = signing_keys::table.find(kid).filter(signing_keys::state.eq(KeyState::Retired.as_str()));
    Ok(diesel::delete(retired).execute(conn)? == 1)
}

/// Takes a key out whatever its state; the row as it was last, after every [`extend`].
pub fn remove(conn: &mut DbConnection, kid: &str) -> QueryResult<Option<SigningKeyRow>> {
    // Its lock, and only then the reading.
    diesel::update(signing_keys::table.find(kid)).set(signing_keys::kid.eq(kid)).execute(conn)?;
    let row = signing_keys::table.find(kid).select(SigningKeyRow::as_select()).first(conn).optional()?;
    diesel::delete(signing_keys::table.find(kid)).execute(conn)?;
    Ok(row)
}

/// Puts what was sealed anew in the place of what `old_key_id` sealed; whether it stood there still.
pub fn reseal(
    conn: &mut DbConnection,
    kid: &str,
    old_key_id: &str,
    private_key: &[u8],
    key_id: &str,
) -> QueryResult<bool> {
    let resealed = diesel::update(signing_keys::table.find(kid).filter(signing_keys::key_id.eq(old_key_id)))
        .set((signing_keys::private_key.eq(private_key), signing_keys::key_id.eq(key_id)))
        .execute(conn)?;
    Ok(resealed == 1)
}

//! The table `authorization_codes`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::lock::unlocked;
use super::schema::authorization_codes;
use super::{joined, parse_uuid, unreadable};
use crate::domain::{AuthorizationCode, CodeChallenge, CodeHash, Device};

// An omitted `None` would make a statement of its own, which Diesel does not keep prepared.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = authorization_codes, treat_none_as_default_value = false)]
struct CodeRow {
    code_hash: Vec<u8>,
    client_id: String,
    user_id: String,
    credentials_version: i64,
    redirect_uri: String,
    code_challenge: Option<String>,
    scope: String,
    audience: String,
    nonce: Option<String>,
    amr: String,
    auth_time_s: i64,
    user_agent: Option<String>,
    address: Option<String>,
    issued_at_ms: i64,
    expires_at_ms: i64,
    consumed_at_ms: Option<i64>,
    session_id: Option<String>,
    browser_session_id: Option<String>,
    userinfo_claims: String,
}

impl CodeRow {
    fn from_code(hash: &CodeHash, code: &AuthorizationCode) -> Self {
        Self {
            code_hash: hash.as_bytes().to_vec(),
            client_id: code.client_id.clone(),
            user_id: code.user_id.to_string(),
            credentials_version: code.credentials_version,
            redirect_uri: code.redirect_uri.clone(),
            code_challenge: code.challenge.as_ref().map(|challenge| challenge.as_str().to_owned()),
            scope: code.scope.to_string(),
            audience: code.audience.join(" "),
            nonce: code.nonce.clone(),
            amr: code.amr.join(" "),
            auth_time_s: code.auth_time_s,
            user_agent: code.device.user_agent.clone(),
            address: code.device.address.clone(),
            issued_at_ms: code.issued_at_ms,
            expires_at_ms: code.expires_at_ms,
            consumed_at_ms: code.consumed_at_ms,
            session_id: code.session_id.map(|id| id.to_string()),
            browser_session_id: code.browser_session_id.map(|id| id.to_string()),
            userinfo_claims: joined(&code.userinfo_claims),
        }
    }

    fn into_code(self) -> QueryResult<AuthorizationCode> {
        let words = |text: String| text.split_ascii_whitespace().map(str::to_owned).collect();
        let challenge = match self.code_challenge {
            // A challenge that cannot be parsed is an error. It must not count as missing, which would skip PKCE.
            Some(text) => Some(
                CodeChallenge::parse(&text)
                    .ok_or_else(|| unreadable("authorization_codes.code_challenge is no challenge"))?,
            ),
            None => None,
        };
        let session_id =
            self.session_id.map(|id| parse_uuid("authorization_codes.session_id", &id)).transpose()?;
        Ok(AuthorizationCode {
            client_id: self.client_id,
            user_id: parse_uuid("authorization_codes.user_id", &self.user_id)?,
            credentials_version: self.credentials_version,
            redirect_uri: self.redirect_uri,
            challenge,
            scope: Scopes::parse(&self.scope)
                .map_err(|_| unreadable("authorization_codes.scope is no scope list"))?,
            audience: words(self.audience),
            nonce: self.nonce,
            amr: words(self.amr),
            auth_time_s: self.auth_time_s,
            device: Device { user_agent: self.user_agent, address: self.address },
            issued_at_ms: self.issued_at_ms,
            expires_at_ms: self.expires_at_ms,
            consumed_at_ms: self.consumed_at_ms,
            session_id,
            browser_session_id: self
                .browser_session_id
                .map(|id| parse_uuid("authorization_codes.browser_session_id", &id))
                .transpose()?,
            userinfo_claims: super::words(&self.userinfo_claims),
        })
    }
}

/// Inserts a new code. The caller holds the user's lock.
pub fn insert(
    conn: &mut DbConnection,
    hash: &CodeHash,
    code: &AuthorizationCode,
) -> Result<(), DatabaseError> {
    let inserted = diesel::insert_into(authorization_codes::table).values(CodeRow::from_code(hash, code));
    // Runs on the concrete connection, because through the enum Diesel would prepare the statement anew each time.
    match conn {
        DbConnection::Postgres(conn) => inserted.execute(conn)?,
        DbConnection::Sqlite(conn) => inserted.execute(conn)?,
    };
    Ok(())
}

/// Finds the code with this hash.
pub fn find(conn: &mut DbConnection, hash: &CodeHash) -> Result<Option<AuthorizationCode>, DatabaseError> {
    let row = authorization_codes::table
        .find(hash.as_bytes())
        .select(CodeRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(CodeRow::into_code).transpose()?)
}

/// Consumes the code for the session that it begins, unless it was consumed before. Returns whether this call
/// consumed it.
pub fn consume(
    conn: &mut DbConnection,
    hash: &CodeHash,
    session_id: Uuid,
    now_ms: i64,
) -> Result<bool, DatabaseError> {
    let unused = authorization_codes::table
        .find(hash.as_bytes())
        .filter(authorization_codes::consumed_at_ms.is_null());
    let consumed = diesel::update(unused)
        .set((
            authorization_codes::consumed_at_ms.eq(now_ms),
            authorization_codes::session_id.eq(session_id.to_string()),
        ))
        .execute(conn)?;
    Ok(consumed == 1)
}

/// Skips the `skipped` codes of a user that were redeemed last, and returns when the one before them was redeemed, if
/// that was after `after_ms`.
pub fn redeemed_before_the_last(
    conn: &mut DbConnection,
    user_id: Uuid,
    after_ms: i64,
    skipped: i64,
) -> Result<Option<i64>, DatabaseError> {
    let redeemed: Option<Option<i64>> = authorization_codes::table
        .filter(authorization_codes::user_id.eq(user_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.gt(after_ms))
        .order(authorization_codes::consumed_at_ms.desc())
        .limit(1)
        .offset(skipped)
        .select(authorization_codes::consumed_at_ms)
        .first(conn)
        .optional()?;
    Ok(redeemed.flatten())
}

/// Deletes the oldest redeemable codes of a user, so that at most `most` are left. The caller holds the user's lock.
pub fn leave_newest_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
    most: i64,
) -> Result<(), DatabaseError> {
    let old: Vec<Vec<u8>> = authorization_codes::table
        .filter(authorization_codes::user_id.eq(user_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.is_null())
        .filter(authorization_codes::expires_at_ms.gt(now_ms))
        .order((authorization_codes::issued_at_ms.desc(), authorization_codes::code_hash))
        // SQLite does not support an offset without a limit.
        .limit(i64::MAX)
        .offset(most)
        .select(authorization_codes::code_hash)
        .load(conn)?;
    if !old.is_empty() {
        let old = authorization_codes::table.filter(authorization_codes::code_hash.eq_any(old));
        diesel::delete(old).execute(conn)?;
    }
    Ok(())
}

/// Deletes the unredeemed codes of a client.
pub fn delete_unused_of_client(conn: &mut DbConnection, client_id: &str) -> Result<(), DatabaseError> {
    let unused = authorization_codes::table
        .filter(authorization_codes::client_id.eq(client_id))
        .filter(authorization_codes::consumed_at_ms.is_null());
    diesel::delete(unused).execute(conn)?;
    Ok(())
}

/// Deletes the unredeemed codes of a user. The caller holds the user's lock.
pub fn delete_unused_of_user(conn: &mut DbConnection, user_id: Uuid) -> Result<(), DatabaseError> {
    let unused = authorization_codes::table
        .filter(authorization_codes::user_id.eq(user_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.is_null());
    diesel::delete(unused).execute(conn)?;
    Ok(())
}

/// Deletes the unredeemed codes of a user, except those that the session `kept` gave. The caller holds the user's lock.
pub fn delete_unused_of_user_except(
    conn: &mut DbConnection,
    user_id: Uuid,
    kept: Uuid,
) -> Result<(), DatabaseError> {
    let is_kept = authorization_codes::browser_session_id.eq(kept.to_string()).assume_not_null();
    let unused = authorization_codes::table
        .filter(authorization_codes::user_id.eq(user_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.is_null())
        .filter(authorization_codes::browser_session_id.is_null().or(diesel::dsl::not(is_kept)));
    diesel::delete(unused).execute(conn)?;
    Ok(())
}

/// Deletes the unredeemed codes of a user and a client. The caller holds the user's lock.
pub fn delete_unused_of_user_and_client(
    conn: &mut DbConnection,
    user_id: Uuid,
    client_id: &str,
) -> Result<(), DatabaseError> {
    let unused = authorization_codes::table
        .filter(authorization_codes::user_id.eq(user_id.to_string()))
        .filter(authorization_codes::client_id.eq(client_id))
        .filter(authorization_codes::consumed_at_ms.is_null());
    diesel::delete(unused).execute(conn)?;
    Ok(())
}

/// Deletes at most `limit` codes: unredeemed ones that expired before `unused_before_ms`, and redeemed ones that
/// expired before `used_before_ms`. Returns how many.
pub fn prune(
    conn: &mut DbConnection,
    unused_before_ms: i64,
    used_before_ms: i64,
    limit: i64,
) -> Result<usize, DatabaseError> {
    let unused = authorization_codes::consumed_at_ms.is_null();
    let over = authorization_codes::table
        .filter(authorization_codes::expires_at_ms.lt(unused_before_ms))
        .filter(unused.or(authorization_codes::expires_at_ms.lt(used_before_ms)))
        .order(authorization_codes::expires_at_ms)
        .limit(limit)
        .select(authorization_codes::code_hash);
    let over: Vec<Vec<u8>> = unlocked!(conn, over);
    Ok(diesel::delete(authorization_codes::table.filter(authorization_codes::code_hash.eq_any(over)))
        .execute(conn)?)
}

/// Deletes the codes that a browser session gave and nobody redeemed. Returns how many. The caller holds the user's lock.
pub(super) fn delete_unused_of_browser_session(
    conn: &mut DbConnection,
    browser_session_id: Uuid,
) -> Result<usize, DatabaseError> {
    let unused = authorization_codes::table
        .filter(authorization_codes::browser_session_id.eq(browser_session_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.is_null());
    Ok(diesel::delete(unused).execute(conn)?)
}

/// The hashes and scopes of the codes of a browser session that nobody redeemed.
pub fn unused_of_browser_session(
    conn: &mut DbConnection,
    browser_session_id: Uuid,
) -> Result<Vec<(Vec<u8>, String)>, DatabaseError> {
    let unused = authorization_codes::table
        .filter(authorization_codes::browser_session_id.eq(browser_session_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.is_null());
    Ok(unused.select((authorization_codes::code_hash, authorization_codes::scope)).load(conn)?)
}

/// Deletes the codes with these hashes.
pub fn delete_some(conn: &mut DbConnection, hashes: &[Vec<u8>]) -> Result<(), DatabaseError> {
    let some = authorization_codes::table.filter(authorization_codes::code_hash.eq_any(hashes));
    diesel::delete(some).execute(conn)?;
    Ok(())
}

/// Moves the codes of a browser session that nobody redeemed to another version of the user's credentials.
pub fn set_version_of_browser_session(
    conn: &mut DbConnection,
    browser_session_id: Uuid,
    version: i64,
) -> Result<(), DatabaseError> {
    let unused = authorization_codes::table
        .filter(authorization_codes::browser_session_id.eq(browser_session_id.to_string()))
        .filter(authorization_codes::consumed_at_ms.is_null());
    diesel::update(unused).set(authorization_codes::credentials_version.eq(version)).execute(conn)?;
    Ok(())
}

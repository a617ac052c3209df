//! The table `users`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::schema::users;
use super::{parse_uuid, unreadable};
use crate::domain::{Credentials, Email, NewUser, PasswordHash, ProfileClaims, User, Username};

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(super) struct UserRow {
    id: String,
    username: String,
    email: Option<String>,
    email_verified: bool,
    pending_email: Option<String>,
    is_self_registered: bool,
    is_active: bool,
    roles: String,
    token_cut_ms: Option<i64>,
    created_at_ms: i64,
    password_scheme: String,
    password_hash: String,
    credentials_version: i64,
}

impl UserRow {
    pub(super) fn into_credentials(self) -> QueryResult<Credentials> {
        Ok(Credentials {
            user: User {
                id: parse_uuid("users.id", &self.id)?,
                username: self.username,
                email: self.email,
                email_verified: self.email_verified,
                pending_email: self.pending_email,
                is_self_registered: self.is_self_registered,
                is_active: self.is_active,
                roles: self.roles.split_ascii_whitespace().map(str::to_owned).collect(),
                token_cut_ms: self.token_cut_ms,
                created_at_ms: self.created_at_ms,
            },
            hash: PasswordHash { scheme: self.password_scheme, value: self.password_hash },
            version: self.credentials_version,
        })
    }
}

/// Inserts a new user. Fails with a unique violation if the name, or a confusable name, is taken.
pub fn insert(conn: &mut DbConnection, new: &NewUser) -> Result<(), DatabaseError> {
    let email = new.email.as_ref();
    diesel::insert_into(users::table)
        .values((
            users::id.eq(new.id.to_string()),
            users::username.eq(new.username.as_typed()),
            users::username_key.eq(new.username.key()),
            users::username_skeleton.eq(new.username.skeleton()),
            users::email.eq(email.map(Email::as_str)),
            users::email_key.eq(email.map(Email::key)),
            users::email_verified.eq(new.email_verified),
            users::is_self_registered.eq(new.is_self_registered),
            users::is_active.eq(new.is_active),
            users::roles.eq(new.roles.join(" ")),
            users::password_scheme.eq(&new.hash.scheme),
            users::password_hash.eq(&new.hash.value),
            users::credentials_version.eq(1),
            users::created_at_ms.eq(new.created_at_ms),
            users::updated_at_ms.eq(new.created_at_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Whether a user with this name, or a confusable name, exists.
pub fn is_taken(conn: &mut DbConnection, key: &str, skeleton: &str) -> Result<bool, DatabaseError> {
    let same = users::table.filter(users::username_key.eq(key).or(users::username_skeleton.eq(skeleton)));
    Ok(same.select(users::id).first::<String>(conn).optional()?.is_some())
}

/// Finds the user with this name, with the credentials that a login is verified against.
pub fn find_by_name(conn: &mut DbConnection, key: &str) -> Result<Option<Credentials>, DatabaseError> {
    let row = users::table
        .filter(users::username_key.eq(key))
        .select(UserRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(UserRow::into_credentials).transpose()?)
}

/// Finds the user whose verified address has this key, with the credentials that a login is verified against.
pub fn find_by_verified_email(
    conn: &mut DbConnection,
    key: &str,
) -> Result<Option<Credentials>, DatabaseError> {
    let row = users::table
        .filter(users::email_key.eq(key))
        .filter(users::email_verified)
        .select(UserRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(UserRow::into_credentials).transpose()?)
}

/// Finds the user whom an identifier names: with an `@` the one whose verified address it is; where there is none, and for
/// every other identifier, the one of that name. It is always the same two queries, so that the time tells nothing.
pub fn find_by_identifier(
    conn: &mut DbConnection,
    identifier: &str,
) -> Result<Option<Credentials>, DatabaseError> {
    // Nobody has the empty key.
    let email_key = Email::key_of_identifier(identifier).unwrap_or_default();
    let name = Username::parse(identifier).ok();
    let by_name = find_by_name(conn, name.as_ref().map_or("", Username::key))?;
    Ok(find_by_verified_email(conn, &email_key)?.or(by_name))
}

/// Finds the user with this id, with the credentials that a login is verified against.
pub fn find_credentials(conn: &mut DbConnection, id: Uuid) -> Result<Option<Credentials>, DatabaseError> {
    let row = users::table.find(id.to_string()).select(UserRow::as_select()).first(conn).optional()?;
    Ok(row.map(UserRow::into_credentials).transpose()?)
}

/// Finds the user with this id.
pub fn find(conn: &mut DbConnection, id: Uuid) -> Result<Option<User>, DatabaseError> {
    let row = users::table.find(id.to_string()).select(UserRow::as_select()).first(conn).optional()?;
    Ok(row.map(|row| row.into_credentials().map(|credentials| credentials.user)).transpose()?)
}

/// Finds the user with this id, with the claims that an operator set, and the time of the last change in milliseconds.
pub fn find_with_profile(
    conn: &mut DbConnection,
    id: Uuid,
) -> Result<Option<(User, ProfileClaims, i64)>, DatabaseError> {
    let row: Option<(UserRow, String, i64)> = users::table
        .find(id.to_string())
        .select((UserRow::as_select(), users::profile_claims, users::updated_at_ms))
        .first(conn)
        .optional()?;
    let Some((row, profile, updated_at_ms)) = row else { return Ok(None) };
    let profile = ProfileClaims::stored(&profile)
        .ok_or_else(|| unreadable("users.profile_claims holds no JSON object"))?;
    Ok(Some((row.into_credentials()?.user, profile, updated_at_ms)))
}

/// Replaces the claims that an operator set. The caller holds [`lock`].
pub fn set_profile(
    conn: &mut DbConnection,
    id: Uuid,
    profile: &ProfileClaims,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((users::profile_claims.eq(profile.to_string()), users::updated_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(())
}

/// Replaces the e-mail address. The caller holds [`lock`].
pub fn set_email(
    conn: &mut DbConnection,
    id: Uuid,
    email: &Email,
    is_verified: bool,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((
            users::email.eq(email.as_str()),
            users::email_key.eq(email.key()),
            users::email_verified.eq(is_verified),
            users::updated_at_ms.eq(now_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Replaces the address that is to be verified, or removes it. The caller holds [`lock`].
pub fn set_pending_email(
    conn: &mut DbConnection,
    id: Uuid,
    email: Option<&Email>,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((users::pending_email.eq(email.map(Email::as_str)), users::updated_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(())
}

/// Whether this address is verified for some user.
pub fn is_verified_email(conn: &mut DbConnection, email: &Email) -> Result<bool, DatabaseError> {
    Ok(find_by_verified_email(conn, email.key())?.is_some())
}

/// Marks an address as not verified for all users but this one, and returns their ids: a verified address belongs to one
/// user. The caller sets the address of this user in the same transaction. Two transactions that do this for the same
/// address wait for each other, since on PostgreSQL neither would see the other's new address. The caller holds [`lock`].
pub fn take_verified_email(
    conn: &mut DbConnection,
    id: Uuid,
    email: &Email,
    now_ms: i64,
) -> Result<Vec<Uuid>, DatabaseError> {
    if let DbConnection::Postgres(conn) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('verified address ' || $1, 0))")
            .bind::<diesel::sql_types::Text, _>(email.key())
            .execute(conn)?;
    }
    let others = users::table
        .filter(users::email_key.eq(email.key()))
        .filter(users::email_verified.eq(true))
        .filter(users::id.ne(id.to_string()));
    let others: Vec<String> = others.select(users::id).order(users::id).load(conn)?;
    diesel::update(users::table.filter(users::id.eq_any(&others)))
        .set((users::email_verified.eq(false), users::updated_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(others.iter().map(|other| parse_uuid("users.id", other)).collect::<QueryResult<_>>()?)
}

/// Reads at most `limit` users, ordered by name, starting after `after` (a name's key).
pub fn list(conn: &mut DbConnection, after: Option<&str>, limit: i64) -> Result<Vec<User>, DatabaseError> {
    Ok(users::table
        .filter(users::username_key.gt(after.unwrap_or("")))
        .order(users::username_key)
        .limit(limit)
        .select(UserRow::as_select())
        .load(conn)?
        .into_iter()
        .map(|row| row.into_credentials().map(|credentials| credentials.user))
        .collect::<QueryResult<_>>()?)
}

/// Finds the user with this id and locks the row until this transaction ends. Every transaction that issues a token
/// or ends a session takes this lock, so an issue either sees a cut or is finished before it. On SQLite the write
/// transaction itself is the lock.
pub fn lock(conn: &mut DbConnection, id: Uuid) -> Result<Option<Credentials>, DatabaseError> {
    let user = users::table.find(id.to_string());
    let row: Option<UserRow> = match conn {
        DbConnection::Postgres(conn) => {
            user.select(UserRow::as_select()).for_no_key_update().first(conn).optional()?
        }
        DbConnection::Sqlite(conn) => user.select(UserRow::as_select()).first(conn).optional()?,
    };
    Ok(row.map(UserRow::into_credentials).transpose()?)
}

/// Replaces a hash by a new one of the same password, unless the password was changed in the meantime.
pub fn upgrade_hash(
    conn: &mut DbConnection,
    id: Uuid,
    old: &PasswordHash,
    new: &PasswordHash,
    now_ms: i64,
) -> Result<bool, DatabaseError> {
    let same = users::table.find(id.to_string()).filter(users::password_hash.eq(&old.value));
    let changed = diesel::update(same)
        .set((
            users::password_scheme.eq(&new.scheme),
            users::password_hash.eq(&new.value),
            users::updated_at_ms.eq(now_ms),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Sets the cut: tokens whose `jti` time is not later are revoked. The caller holds [`lock`].
pub fn set_token_cut(
    conn: &mut DbConnection,
    id: Uuid,
    cut_ms: i64,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((users::token_cut_ms.eq(cut_ms), users::updated_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(())
}

/// Enables or disables a user. The caller holds [`lock`], and ends the user's sessions and tokens.
pub fn set_active(
    conn: &mut DbConnection,
    id: Uuid,
    is_active: bool,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((
            users::is_active.eq(is_active),
            users::credentials_version.eq(users::credentials_version + 1),
            users::updated_at_ms.eq(now_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Replaces the password. The caller holds [`lock`].
pub fn set_password(
    conn: &mut DbConnection,
    id: Uuid,
    hash: &PasswordHash,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((
            users::password_scheme.eq(&hash.scheme),
            users::password_hash.eq(&hash.value),
            users::credentials_version.eq(users::credentials_version + 1),
            users::updated_at_ms.eq(now_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Replaces the roles. The caller holds [`lock`].
pub fn set_roles(
    conn: &mut DbConnection,
    id: Uuid,
    roles: &[String],
    now_ms: i64,
) -> Result<(), DatabaseError> {
    diesel::update(users::table.find(id.to_string()))
        .set((users::roles.eq(roles.join(" ")), users::updated_at_ms.eq(now_ms)))
        .execute(conn)?;
    Ok(())
}

/// Deletes a user with all sessions and refresh tokens. The caller holds [`lock`].
pub fn delete(conn: &mut DbConnection, id: Uuid) -> Result<(), DatabaseError> {
    diesel::delete(users::table.find(id.to_string())).execute(conn)?;
    Ok(())
}

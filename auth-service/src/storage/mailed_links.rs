//! The table `mailed_links`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::lock::unlocked;
use super::schema::mailed_links;
use super::{parse_uuid, unreadable};
use crate::domain::{LinkPurpose, LinkTokenHash, LinkUse, MOST_REPLAYS, MailedLink};

#[derive(Queryable, Selectable)]
#[diesel(table_name = mailed_links)]
struct LinkRow {
    purpose: String,
    user_id: Option<String>,
    email: String,
    email_key: String,
    credentials_version: i64,
    created_at_ms: i64,
    expires_at_ms: i64,
    ended_at_ms: Option<i64>,
    used_at_ms: Option<i64>,
    used_version: Option<i64>,
    replays: i64,
}

impl LinkRow {
    fn into_link(self) -> QueryResult<MailedLink> {
        let purpose = LinkPurpose::parse(&self.purpose)
            .ok_or_else(|| unreadable("mailed_links.purpose is no purpose of a link"))?;
        let user_id = self.user_id.map(|id| parse_uuid("mailed_links.user_id", &id)).transpose()?;
        let version = self.used_version.unwrap_or(0);
        Ok(MailedLink {
            purpose,
            user_id,
            email: self.email,
            email_key: self.email_key,
            version: self.credentials_version,
            created_at_ms: self.created_at_ms,
            expires_at_ms: self.expires_at_ms,
            ended_at_ms: self.ended_at_ms,
            used: self.used_at_ms.map(|at_ms| LinkUse { at_ms, version }),
            replays: self.replays,
        })
    }
}

/// Inserts a new link, which is made for a try to send this message. The caller holds the user's lock, if it has a user.
pub fn insert(
    conn: &mut DbConnection,
    hash: &LinkTokenHash,
    link: &MailedLink,
    message_id: Uuid,
) -> Result<(), DatabaseError> {
    diesel::insert_into(mailed_links::table)
        .values((
            mailed_links::token_hash.eq(hash.as_bytes()),
            mailed_links::message_id.eq(message_id.to_string()),
            mailed_links::purpose.eq(link.purpose.as_str()),
            mailed_links::user_id.eq(link.user_id.map(|id| id.to_string())),
            mailed_links::email.eq(&link.email),
            mailed_links::email_key.eq(&link.email_key),
            mailed_links::credentials_version.eq(link.version),
            mailed_links::created_at_ms.eq(link.created_at_ms),
            mailed_links::expires_at_ms.eq(link.expires_at_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Finds the link with this token.
pub fn find(conn: &mut DbConnection, hash: &LinkTokenHash) -> Result<Option<MailedLink>, DatabaseError> {
    let row = mailed_links::table.find(hash.as_bytes());
    let row = row.select(LinkRow::as_select()).first(conn).optional()?;
    Ok(row.map(LinkRow::into_link).transpose()?)
}

/// Uses a link, unless it was used or ended before, or its time is up. `version` is that of the user's credentials after the
/// use. Returns whether this call used it.
pub fn consume(
    conn: &mut DbConnection,
    hash: &LinkTokenHash,
    version: Option<i64>,
    now_ms: i64,
) -> Result<bool, DatabaseError> {
    let live = mailed_links::table
        .find(hash.as_bytes())
        .filter(mailed_links::used_at_ms.is_null())
        .filter(mailed_links::ended_at_ms.is_null())
        .filter(mailed_links::expires_at_ms.gt(now_ms));
    let used = diesel::update(live)
        .set((mailed_links::used_at_ms.eq(now_ms), mailed_links::used_version.eq(version)))
        .execute(conn)?;
    Ok(used == 1)
}

/// Counts a repeated use. Returns false if it was repeated too often before.
pub fn count_replay(conn: &mut DbConnection, hash: &LinkTokenHash) -> Result<bool, DatabaseError> {
    let repeatable = mailed_links::table
        .find(hash.as_bytes())
        .filter(mailed_links::used_at_ms.is_not_null())
        .filter(mailed_links::replays.lt(MOST_REPLAYS));
    let counted =
        diesel::update(repeatable).set(mailed_links::replays.eq(mailed_links::replays + 1)).execute(conn)?;
    Ok(counted == 1)
}

/// Ends every link of a user that was not used. The caller holds the user's lock.
pub fn end_all_of_user(conn: &mut DbConnection, user_id: Uuid, now_ms: i64) -> Result<(), DatabaseError> {
    let live = mailed_links::table
        .filter(mailed_links::user_id.eq(user_id.to_string()))
        .filter(mailed_links::used_at_ms.is_null())
        .filter(mailed_links::ended_at_ms.is_null());
    diesel::update(live).set(mailed_links::ended_at_ms.eq(now_ms)).execute(conn)?;
    Ok(())
}

/// Ends the links of a user for this purpose that were not used. The caller holds the user's lock.
pub fn end_some_of_user(
    conn: &mut DbConnection,
    user_id: Uuid,
    purpose: LinkPurpose,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    let live = mailed_links::table
        .filter(mailed_links::user_id.eq(user_id.to_string()))
        .filter(mailed_links::purpose.eq(purpose.as_str()))
        .filter(mailed_links::used_at_ms.is_null())
        .filter(mailed_links::ended_at_ms.is_null());
    diesel::update(live).set(mailed_links::ended_at_ms.eq(now_ms)).execute(conn)?;
    Ok(())
}

/// Lets those who make links to one address take turns until the transaction ends, so that each counts the others' links. The
/// caller holds the user's lock, which comes first. On SQLite the write transaction itself is the lock.
pub fn lock_mailbox(conn: &mut DbConnection, email_key: &str) -> Result<(), DatabaseError> {
    if let DbConnection::Postgres(conn) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('mailbox ' || $1, 0))")
            .bind::<diesel::sql_types::Text, _>(email_key)
            .execute(conn)?;
    }
    Ok(())
}

/// For how many messages other than this one links to an address were made since `after_ms`, at most `limit`. Resets, which
/// only the verified owner of the address gets, and all other links are counted apart.
pub fn count_of_mailbox(
    conn: &mut DbConnection,
    email_key: &str,
    is_reset: bool,
    message_id: Uuid,
    after_ms: i64,
    limit: i64,
) -> Result<usize, DatabaseError> {
    // An operator invites as often as it takes.
    let counted: &[&str] = if is_reset {
        &[LinkPurpose::Reset.as_str()]
    } else {
        &[LinkPurpose::Verify.as_str(), LinkPurpose::Change.as_str()]
    };
    let messages: Vec<String> = mailed_links::table
        .filter(mailed_links::email_key.eq(email_key))
        .filter(mailed_links::created_at_ms.gt(after_ms))
        .filter(mailed_links::message_id.ne(message_id.to_string()))
        .filter(mailed_links::purpose.eq_any(counted))
        .select(mailed_links::message_id)
        .distinct()
        .limit(limit)
        .load(conn)?;
    Ok(messages.len())
}

/// Deletes at most `limit` links whose time was up before `before_ms`. Returns how many. Rows that another transaction has
/// locked are left for the next time.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let over = mailed_links::table
        .filter(mailed_links::expires_at_ms.lt(before_ms))
        .limit(limit)
        .select(mailed_links::token_hash);
    let over: Vec<Vec<u8>> = unlocked!(conn, over);
    Ok(diesel::delete(mailed_links::table.filter(mailed_links::token_hash.eq_any(over))).execute(conn)?)
}

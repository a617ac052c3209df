//! The table `queue_messages`: messages that the service sends to others.

mod claim;

use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

pub use self::claim::{Claim, KindRules, claim};
use super::lock::unlocked;
use super::parse_uuid;
use super::schema::queue_messages;
use crate::domain::{GIVE_UP_AFTER_MS, MessageState, NewMessage, QueuedMessage};
use crate::random::Random;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = queue_messages)]
struct MessageRow {
    id: String,
    kind: String,
    receiver: String,
    lane: String,
    payload: String,
    created_at_ms: i64,
    give_up_at_ms: i64,
    due_at_ms: Option<i64>,
    tries: i64,
    claimed_by: Option<String>,
    failed_at_ms: Option<i64>,
    last_error: Option<String>,
}

impl MessageRow {
    fn into_message(self) -> QueryResult<QueuedMessage> {
        Ok(QueuedMessage {
            id: parse_uuid("queue_messages.id", &self.id)?,
            kind: self.kind,
            receiver: self.receiver,
            lane: self.lane,
            payload: self.payload,
            created_at_ms: self.created_at_ms,
            give_up_at_ms: self.give_up_at_ms,
            due_at_ms: self.due_at_ms,
            tries: self.tries,
            claimed_by: self.claimed_by,
            failed_at_ms: self.failed_at_ms,
            last_error: self.last_error,
        })
    }
}

fn read(rows: Vec<MessageRow>) -> Result<Vec<QueuedMessage>, DatabaseError> {
    Ok(rows.into_iter().map(MessageRow::into_message).collect::<QueryResult<_>>()?)
}

/// The most rows in one statement. SQLite allows 32,766 parameters per statement.
const CHUNK: usize = 1000;

/// Inserts messages, which are due at once. Returns their ids, which follow the order of the messages.
pub(super) fn insert(
    conn: &mut DbConnection,
    messages: &[NewMessage],
    random: &Random,
    now_ms: i64,
) -> Result<Vec<Uuid>, DatabaseError> {
    let mut ids: Vec<_> = messages.iter().map(|_| random.uuid_at(now_ms)).collect();
    ids.sort_unstable();
    let row = |(id, message): (&Uuid, &NewMessage)| MessageRow {
        id: id.to_string(),
        kind: message.kind.to_owned(),
        receiver: message.receiver.clone(),
        lane: message.lane.clone(),
        payload: message.payload.clone(),
        created_at_ms: now_ms,
        give_up_at_ms: now_ms.saturating_add(GIVE_UP_AFTER_MS),
        due_at_ms: Some(now_ms),
        tries: 0,
        claimed_by: None,
        failed_at_ms: None,
        last_error: None,
    };
    let rows: Vec<_> = ids.iter().zip(messages).map(row).collect();
    for rows in rows.chunks(CHUNK) {
        let inserted = diesel::insert_into(queue_messages::table).values(rows);
        match conn {
            DbConnection::Postgres(conn) => inserted.execute(conn)?,
            DbConnection::Sqlite(conn) => inserted.execute(conn)?,
        };
    }
    Ok(ids)
}

/// When the next message is due, in milliseconds. A claim counts with the time at which it may be taken over.
pub fn next_due_ms(conn: &mut DbConnection) -> Result<Option<i64>, DatabaseError> {
    let next: Option<Option<i64>> = queue_messages::table
        .filter(queue_messages::due_at_ms.is_not_null())
        .order((queue_messages::due_at_ms, queue_messages::id))
        .select(queue_messages::due_at_ms)
        .first(conn)
        .optional()?;
    Ok(next.flatten())
}

/// Deletes a message, whoever tries it. Returns whether it was there.
pub fn delete(conn: &mut DbConnection, id: Uuid) -> Result<bool, DatabaseError> {
    Ok(diesel::delete(queue_messages::table.find(id.to_string())).execute(conn)? == 1)
}

/// Plans the next try of a message whose claim still stands.
pub fn retry_at(
    conn: &mut DbConnection,
    claimed: &QueuedMessage,
    at_ms: i64,
    error: &str,
) -> Result<(), DatabaseError> {
    diesel::update(own_claim(claimed))
        .set((
            queue_messages::due_at_ms.eq(at_ms),
            queue_messages::claimed_by.eq(None::<String>),
            queue_messages::last_error.eq(error),
        ))
        .execute(conn)?;
    Ok(())
}

/// Gives a message up whose claim still stands.
pub fn give_up(
    conn: &mut DbConnection,
    claimed: &QueuedMessage,
    now_ms: i64,
    error: &str,
) -> Result<(), DatabaseError> {
    diesel::update(own_claim(claimed))
        .set((
            queue_messages::due_at_ms.eq(None::<i64>),
            queue_messages::claimed_by.eq(None::<String>),
            queue_messages::failed_at_ms.eq(now_ms),
            queue_messages::last_error.eq(error),
        ))
        .execute(conn)?;
    Ok(())
}

/// The row of a claimed message, unless another replica has taken it over: then it is none of our concern.
#[diesel::dsl::auto_type(no_type_alias)]
fn own_claim(claimed: &QueuedMessage) -> _ {
    let id: String = claimed.id.to_string();
    let holder: Option<String> = claimed.claimed_by.clone();
    let tries: i64 = claimed.tries;
    queue_messages::table
        .filter(queue_messages::id.eq(id))
        .filter(queue_messages::claimed_by.eq(holder))
        .filter(queue_messages::tries.eq(tries))
}

/// Those of these messages that nobody has finished trying once.
pub fn untried(conn: &mut DbConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, DatabaseError> {
    let ids: Vec<_> = ids.iter().map(Uuid::to_string).collect();
    let first_try = queue_messages::tries.eq(1).and(queue_messages::claimed_by.is_not_null());
    let rows: Vec<String> = queue_messages::table
        .filter(queue_messages::id.eq_any(ids))
        .filter(queue_messages::tries.eq(0).or(first_try))
        .select(queue_messages::id)
        .load(conn)?;
    Ok(rows.iter().map(|id| parse_uuid("queue_messages.id", id)).collect::<QueryResult<_>>()?)
}

/// Makes a message due now, and tries it for another day. Returns it; `None` if there is no such message, or a replica
/// is trying it.
pub fn retry_now(
    conn: &mut DbConnection,
    id: Uuid,
    now_ms: i64,
) -> Result<Option<QueuedMessage>, DatabaseError> {
    let claim_is_over = queue_messages::due_at_ms.le(now_ms).assume_not_null();
    let idle = queue_messages::table
        .filter(queue_messages::id.eq(id.to_string()))
        .filter(queue_messages::claimed_by.is_null().or(claim_is_over));
    let updated = diesel::update(idle)
        .set((
            queue_messages::due_at_ms.eq(now_ms),
            queue_messages::give_up_at_ms.eq(now_ms.saturating_add(GIVE_UP_AFTER_MS)),
            queue_messages::tries.eq(0),
            queue_messages::claimed_by.eq(None::<String>),
            queue_messages::failed_at_ms.eq(None::<i64>),
        ))
        .execute(conn)?;
    if updated == 0 { Ok(None) } else { find(conn, id) }
}

/// Finds the message with this id.
pub fn find(conn: &mut DbConnection, id: Uuid) -> Result<Option<QueuedMessage>, DatabaseError> {
    let row = queue_messages::table.find(id.to_string());
    let row = row.select(MessageRow::as_select()).first(conn).optional()?;
    Ok(row.map(MessageRow::into_message).transpose()?)
}

/// Which messages a list has.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Of this kind only.
    pub kind: Option<String>,
    /// In this state only.
    pub state: Option<MessageState>,
    /// Those that were written after this one.
    pub after: Option<Uuid>,
}

/// Lists messages in the order in which they were written.
pub fn list(
    conn: &mut DbConnection,
    filter: &MessageFilter,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<QueuedMessage>, DatabaseError> {
    let mut found = queue_messages::table.select(MessageRow::as_select()).into_boxed();
    if let Some(kind) = &filter.kind {
        found = found.filter(queue_messages::kind.eq(kind));
    }
    if let Some(after) = filter.after {
        found = found.filter(queue_messages::id.gt(after.to_string()));
    }
    let is_claimed =
        queue_messages::claimed_by.is_not_null().and(queue_messages::due_at_ms.gt(now_ms).assume_not_null());
    let is_over = queue_messages::due_at_ms.le(now_ms).assume_not_null();
    found = match filter.state {
        None => found,
        Some(MessageState::Failed) => found.filter(queue_messages::due_at_ms.is_null()),
        Some(MessageState::Sending) => found.filter(is_claimed),
        Some(MessageState::Waiting) => found
            .filter(queue_messages::due_at_ms.is_not_null())
            .filter(queue_messages::claimed_by.is_null().or(is_over)),
    };
    read(found.order(queue_messages::id).limit(limit).load(conn)?)
}

/// How many messages of a kind there are, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The kind.
    pub kind: String,
    /// How many are still to be delivered.
    pub waiting: i64,
    /// When the oldest of them was written.
    pub oldest_ms: Option<i64>,
    /// How many were given up.
    pub failed: i64,
}

/// Counts the messages of each kind.
pub fn depths(conn: &mut DbConnection) -> Result<Vec<Depth>, DatabaseError> {
    let waiting: Vec<(String, i64, Option<i64>)> = queue_messages::table
        .filter(queue_messages::due_at_ms.is_not_null())
        .group_by(queue_messages::kind)
        .select((queue_messages::kind, count_star(), min(queue_messages::created_at_ms)))
        .load(conn)?;
    let failed: Vec<(String, i64)> = queue_messages::table
        .filter(queue_messages::failed_at_ms.is_not_null())
        .group_by(queue_messages::kind)
        .select((queue_messages::kind, count_star()))
        .load(conn)?;
    let of_waiting = |(kind, waiting, oldest_ms)| Depth { kind, waiting, oldest_ms, failed: 0 };
    let mut depths: Vec<_> = waiting.into_iter().map(of_waiting).collect();
    for (kind, failed) in failed {
        match depths.iter_mut().find(|depth| depth.kind == kind) {
            Some(depth) => depth.failed = failed,
            None => depths.push(Depth { kind, waiting: 0, oldest_ms: None, failed }),
        }
    }
    Ok(depths)
}

/// Deletes at most `limit` messages that were given up before `before_ms`. Returns how many.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let old = queue_messages::table
        .filter(queue_messages::failed_at_ms.lt(before_ms))
        .order(queue_messages::failed_at_ms)
        .limit(limit)
        .select(queue_messages::id);
    let old: Vec<String> = unlocked!(conn, old);
    Ok(diesel::delete(queue_messages::table.filter(queue_messages::id.eq_any(old))).execute(conn)?)
}

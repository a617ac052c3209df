//! The table `audit_events`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::{Builder, Uuid};

use super::schema::audit_events;
use crate::domain::{AuditEvent, AuditKind};
use crate::random::Random;

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_events)]
#[expect(missing_docs, reason = "the columns, as the migration explains them")]
pub struct AuditRow {
    pub id: String,
    pub at_ms: i64,
    pub kind: String,
    pub actor: String,
    pub user_id: Option<String>,
    pub client_id: Option<String>,
    pub session_id: Option<String>,
    pub subject: Option<String>,
    pub reason: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
}

/// Selects the events to read. The default selects all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only events of these kinds; empty for all kinds.
    pub kinds: Vec<AuditKind>,
    /// Only events about this user.
    pub user_id: Option<String>,
    /// Only events about this client.
    pub client_id: Option<String>,
}

/// An event to insert.
#[derive(Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
struct NewAuditRow {
    id: String,
    at_ms: i64,
    kind: &'static str,
    actor: &'static str,
    user_id: Option<String>,
    client_id: Option<String>,
    session_id: Option<String>,
    subject: Option<String>,
    reason: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
}

/// The most rows in one statement. SQLite allows 32,766 parameters per statement.
const CHUNK: usize = 1000;

/// Inserts an event, in the transaction of the change that it describes. The caller logs the event after the commit.
pub fn record(
    conn: &mut DbConnection,
    event: &AuditEvent,
    random: &Random,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    record_all(conn, std::slice::from_ref(event), random, now_ms)
}

/// Inserts several events in the same way. Their ids follow their order.
pub fn record_all(
    conn: &mut DbConnection,
    events: &[AuditEvent],
    random: &Random,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    let mut ids: Vec<_> = events.iter().map(|_| random.uuid_at(now_ms)).collect();
    ids.sort_unstable();
    let rows: Vec<_> = ids.iter().zip(events).map(|(id, event)| row_of(*id, event, now_ms)).collect();
    for rows in rows.chunks(CHUNK) {
        let inserted = diesel::insert_into(audit_events::table).values(rows);
        match conn {
            DbConnection::Postgres(conn) => inserted.execute(conn)?,
            DbConnection::Sqlite(conn) => inserted.execute(conn)?,
        };
    }
    Ok(())
}

fn row_of(id: Uuid, event: &AuditEvent, now_ms: i64) -> NewAuditRow {
    let initiator = &event.initiator;
    NewAuditRow {
        id: id.to_string(),
        at_ms: now_ms,
        kind: event.kind.as_str(),
        actor: initiator.actor.as_str(),
        user_id: event.user_id.map(|id| id.to_string()),
        client_id: event.client_id.clone(),
        session_id: event.session_id.map(|id| id.to_string()),
        subject: event.subject.clone(),
        reason: event.reason.map(str::to_owned),
        address: initiator.device.address.clone(),
        user_agent: initiator.device.user_agent.clone(),
        request_id: initiator.request_id.clone(),
    }
}

/// The lowest id that an event at this time could have. Ids are UUIDv7, so they are ordered by time.
pub fn first_id_at(ms: i64) -> String {
    Builder::from_unix_timestamp_millis(u64::try_from(ms).unwrap_or(0), &[0; 10]).into_uuid().to_string()
}

/// Deletes at most `limit` events from before `before_ms`, oldest first. Returns how many.
pub fn prune(conn: &mut DbConnection, before_ms: i64, limit: i64) -> Result<usize, DatabaseError> {
    let over = audit_events::table
        .filter(audit_events::id.lt(first_id_at(before_ms)))
        .order(audit_events::id)
        .limit(limit)
        .select(audit_events::id)
        .load::<String>(conn)?;
    Ok(diesel::delete(audit_events::table.filter(audit_events::id.eq_any(over))).execute(conn)?)
}

/// The query for the events after an id that match a filter.
macro_rules! matching {
    ($filter:expr, $after:expr) => {{
        let mut query = audit_events::table.filter(audit_events::id.gt($after.to_owned())).into_boxed();
        if !$filter.kinds.is_empty() {
            let kinds = $filter.kinds.iter().map(|kind| kind.as_str());
            query = query.filter(audit_events::kind.eq_any(kinds));
        }
        if let Some(user_id) = &$filter.user_id {
            query = query.filter(audit_events::user_id.eq(user_id));
        }
        if let Some(client_id) = &$filter.client_id {
            query = query.filter(audit_events::client_id.eq(client_id));
        }
        query
    }};
}

/// Reads at most `limit` matching events whose ids are greater than `after`, ordered by id.
pub fn page(
    conn: &mut DbConnection,
    filter: &AuditFilter,
    after: &str,
    limit: i64,
) -> Result<Vec<AuditRow>, DatabaseError> {
    Ok(matching!(filter, after)
        .order(audit_events::id)
        .limit(limit)
        .select(AuditRow::as_select())
        .load(conn)?)
}

/// The time of the newest event of any kind.
pub fn newest_ms(conn: &mut DbConnection) -> Result<Option<i64>, DatabaseError> {
    Ok(audit_events::table
        .order(audit_events::id.desc())
        .select(audit_events::at_ms)
        .first(conn)
        .optional()?)
}

/// The id of the event just before the newest `count` matching events after `after`. Calling [`page`] with it returns
/// those events. `None` if there are at most `count` events.
pub fn before_the_newest(
    conn: &mut DbConnection,
    filter: &AuditFilter,
    after: &str,
    count: i64,
) -> Result<Option<String>, DatabaseError> {
    let newest_first = matching!(filter, after).order(audit_events::id.desc());
    Ok(newest_first.offset(count).select(audit_events::id).first(conn).optional()?)
}

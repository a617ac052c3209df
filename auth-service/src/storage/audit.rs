//! The table `audit_events`.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Builder;

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

/// Inserts an event, in the transaction of the change that it describes. The caller logs the event after the commit.
pub fn record(
    conn: &mut DbConnection,
    event: &AuditEvent,
    random: &Random,
    now_ms: i64,
) -> Result<(), DatabaseError> {
    let device = &event.initiator.device;
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::id.eq(random.uuid_at(now_ms).to_string()),
            audit_events::at_ms.eq(now_ms),
            audit_events::kind.eq(event.kind.as_str()),
            audit_events::actor.eq(event.initiator.actor.as_str()),
            audit_events::user_id.eq(event.user_id.map(|id| id.to_string())),
            audit_events::client_id.eq(&event.client_id),
            audit_events::session_id.eq(event.session_id.map(|id| id.to_string())),
            audit_events::subject.eq(&event.subject),
            audit_events::reason.eq(event.reason),
            audit_events::address.eq(&device.address),
            audit_events::user_agent.eq(&device.user_agent),
            audit_events::request_id.eq(&event.initiator.request_id),
        ))
        .execute(conn)?;
    Ok(())
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

//! `audit_events`.

use diesel::prelude::*;
use service_kit::database::DbConnection;
use uuid::Builder;

use super::schema::audit_events;
use crate::domain::{AuditEvent, AuditKind};
use crate::random::Random;

/// A recorded event, as it stands in the table.
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

/// Which events are read; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of these kinds alone, unless there are none.
    pub kinds: Vec<AuditKind>,
    /// Those that concern this user.
    pub user_id: Option<String>,
    /// Those that concern this client.
    pub client_id: Option<String>,
}

/// Records an event, in the transaction that commits what happened. The caller logs it once that is committed.
pub fn record(conn: &mut DbConnection, event: &AuditEvent, random: &Random, now_ms: i64) -> QueryResult<()> {
    let device = &event.origin.device;
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::id.eq(random.uuid_at(now_ms).to_string()),
            audit_events::at_ms.eq(now_ms),
            audit_events::kind.eq(event.kind.as_str()),
            audit_events::actor.eq(event.origin.actor.as_str()),
            audit_events::user_id.eq(event.user_id.map(|id| id.to_string())),
            audit_events::client_id.eq(&event.client_id),
            audit_events::session_id.eq(event.session_id.map(|id| id.to_string())),
            audit_events::subject.eq(&event.subject),
            audit_events::reason.eq(event.reason),
            audit_events::address.eq(&device.address),
            audit_events::user_agent.eq(&device.user_agent),
            audit_events::request_id.eq(&event.origin.request_id),
        ))
        .execute(conn)?;
    Ok(())
}

/// The lowest id that an event of that moment could have: ids are UUIDv7, so their order is that of time.
pub fn first_id_at(ms: i64) -> String {
    Builder::from_unix_timestamp_millis(u64::try_from(ms).unwrap_or(0), &[0; 10]).into_uuid().to_string()
}

/// At most `limit` events whose ids are greater than `after`, in order.
pub fn page(
    conn: &mut DbConnection,
    filter: &AuditFilter,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<AuditRow>> {
    let mut query = audit_events::table.filter(audit_events::id.gt(after.to_owned())).into_boxed();
    if !filter.kinds.is_empty() {
        query = query.filter(audit_events::kind.eq_any(filter.kinds.iter().map(|kind| kind.as_str())));
    }
    if let Some(user_id) = &filter.user_id {
        query = query.filter(audit_events::user_id.eq(user_id.clone()));
    }
    if let Some(client_id) = &filter.client_id {
        query = query.filter(audit_events::client_id.eq(client_id.clone()));
    }
    query.order(audit_events::id).limit(limit).select(AuditRow::as_select()).load(conn)
}

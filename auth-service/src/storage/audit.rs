//! `audit_events`.

use diesel::prelude::*;
use service_kit::database::DbConnection;

use super::schema::audit_events;
use crate::domain::AuditEvent;
use crate::random::Random;

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

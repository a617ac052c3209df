//! The end of a browser session.

use diesel::PgConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use crate::domain::EndReason;
use crate::storage::authorization_codes;
use crate::storage::schema::browser_sessions;

/// Ends a session, and deletes the codes that it gave and nobody redeemed. Returns whether it had not ended before. The
/// caller holds the user's lock.
///
/// On PostgreSQL it is one statement, because each one costs a round trip; on SQLite, where none does, two.
pub fn end(conn: &mut DbConnection, id: Uuid, reason: EndReason, now_ms: i64) -> Result<bool, DatabaseError> {
    let ended = match conn {
        DbConnection::Postgres(conn) => {
            EndWithCodes { id: id.to_string(), reason: reason.as_str(), now_ms }.execute(conn)?
        }
        DbConnection::Sqlite(inner) => {
            let live = browser_sessions::table.find(id.to_string());
            let reason = browser_sessions::end_reason.eq(reason.as_str());
            let ended = diesel::update(live.filter(browser_sessions::ended_at_ms.is_null()))
                .set((browser_sessions::ended_at_ms.eq(now_ms), reason))
                .execute(inner)?;
            authorization_codes::delete_unused_of_browser_session(conn, id)?;
            ended
        }
    };
    Ok(ended == 1)
}

/// The statement of [`end`] on PostgreSQL. It is written as SQL because `WITH` is not among what Diesel builds.
struct EndWithCodes {
    id: String,
    reason: &'static str,
    now_ms: i64,
}

impl QueryId for EndWithCodes {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for EndWithCodes {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH codes AS (DELETE FROM authorization_codes WHERE browser_session_id = ");
        out.push_bind_param::<Text, _>(&self.id)?;
        out.push_sql(" AND consumed_at_ms IS NULL) UPDATE browser_sessions SET ended_at_ms = ");
        out.push_bind_param::<BigInt, _>(&self.now_ms)?;
        out.push_sql(", end_reason = ");
        out.push_bind_param::<Text, _>(self.reason)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<Text, _>(&self.id)?;
        out.push_sql(" AND ended_at_ms IS NULL");
        Ok(())
    }
}

impl RunQueryDsl<PgConnection> for EndWithCodes {}

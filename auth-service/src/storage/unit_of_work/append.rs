//! Appends revocation facts to the log. See [`crate::storage::revocations`] for how the log is ordered.

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::revocation::RevocationFact;
use uuid::Uuid;

use crate::storage::revocations::last_seq;
use crate::storage::schema::{revocation_log, revocations};

/// A fact that is to be appended.
pub(super) struct NewFact {
    pub(super) fact: RevocationFact,
    /// The session, if the fact is about a single token of a session.
    pub(super) session_id: Option<Uuid>,
}

/// A fact as it is stored.
#[derive(Insertable)]
#[diesel(table_name = revocations, treat_none_as_default_value = false)]
struct NewRevocation<'a> {
    seq: i64,
    kind: &'static str,
    subject_id: &'a str,
    at_ms: Option<i64>,
    exp_s: i64,
    created_at_ms: i64,
    session_id: Option<String>,
}

/// Appends these facts. Returns the sequence number of the last one, or `None` if there are none. It takes the same number
/// of statements for any number of facts, because other transactions wait for the lock of the log meanwhile.
pub(super) fn append(
    conn: &mut DbConnection,
    facts: &[NewFact],
    now_ms: i64,
) -> Result<Option<i64>, DatabaseError> {
    if facts.is_empty() {
        return Ok(None);
    }
    let count = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    diesel::update(revocation_log::table.find(1))
        .set(revocation_log::last_seq.eq(revocation_log::last_seq + count))
        .execute(conn)?;
    let last = last_seq(conn)?;
    let rows: Vec<_> = (last.saturating_sub(count).saturating_add(1)..)
        .zip(facts)
        .map(|(seq, NewFact { fact, session_id })| NewRevocation {
            seq,
            kind: fact.kind.as_str(),
            subject_id: &fact.id,
            at_ms: fact.at,
            exp_s: fact.exp,
            created_at_ms: now_ms,
            session_id: session_id.map(|id| id.to_string()),
        })
        .collect();
    let inserted = diesel::insert_into(revocations::table).values(&rows);
    match conn {
        DbConnection::Postgres(conn) => inserted.execute(conn)?,
        DbConnection::Sqlite(conn) => inserted.execute(conn)?,
    };
    Ok(Some(last))
}

//! Appends facts to the revocation log.

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType};
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::revocation::RevocationFact;
use uuid::Uuid;

use super::KnownFact;
use crate::domain::database_id;
use crate::storage::meta::{self, DATABASE_ID};
use crate::storage::schema::revocations;

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
///
/// Fails if this is an older state of the database in which the known fact is.
pub(super) fn append(
    conn: &mut DbConnection,
    facts: &[NewFact],
    now_ms: i64,
    known: Option<&KnownFact>,
) -> Result<Option<i64>, DatabaseError> {
    if facts.is_empty() {
        return Ok(None);
    }
    let count = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    // Runs on the concrete connection, because through the enum Diesel would prepare the statement anew each time.
    let last: i64 = match conn {
        DbConnection::Postgres(conn) => TakeNumbers { count }.get_result(conn)?,
        DbConnection::Sqlite(conn) => TakeNumbers { count }.get_result(conn)?,
    };
    if let Some(known) = known
        && let Some(id) = meta::find(conn, DATABASE_ID)?
        && (id == known.database && last.saturating_sub(count) < known.seq
            || database_id::is_replaced_by(&id, &known.database))
    {
        return Err(DatabaseError::Unavailable(
            "it was restored to an earlier state; run `auth-service after-restore`".to_owned(),
        ));
    }
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

/// Takes the lock of the log and the next numbers. Returns the last of them. It is written as SQL because Diesel does not
/// cache its own `UPDATE` statements as prepared statements.
struct TakeNumbers {
    count: i64,
}

impl QueryId for TakeNumbers {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for TakeNumbers {
    type SqlType = BigInt;
}

impl<DB> QueryFragment<DB> for TakeNumbers
where
    DB: Backend + HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE revocation_log SET last_seq = last_seq + ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(" WHERE id = 1 RETURNING last_seq");
        Ok(())
    }
}

impl<C: Connection> RunQueryDsl<C> for TakeNumbers {}

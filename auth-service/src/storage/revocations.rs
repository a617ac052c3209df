//! The revocation log: every fact, in the order of commits.
//!
//! A fact's place is the next number of one counter row, taken in the transaction that commits the fact. The row's lock
//! is held until that commit, so places are gapless and in the order of commits on every replica.

use diesel::prelude::*;
use diesel::result::Error as QueryError;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::revocation::{RevocationFact, RevocationKind, RevocationQuery};
use uuid::Uuid;

use super::schema::{revocation_log, revocations};

/// How long after its end a fact is still carried, and kept: a replica whose clock is ahead by less than this hides
/// nothing and forgets nothing that counts.
pub const GRACE_S: i64 = 60;

/// A fact and its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencedFact {
    /// The sequence number, in the order of commits and without gaps. It is also the id in the stream of Redis.
    pub seq: i64,
    /// The fact.
    pub fact: RevocationFact,
}

/// Facts in order, and where the log ended when they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// The facts that still count.
    pub facts: Vec<SequencedFact>,
    /// The place of the last fact committed.
    pub last_seq: i64,
}

impl LogPage {
    /// Whether nothing follows this page of at most `limit` facts.
    pub fn is_last(&self, limit: i64) -> bool {
        i64::try_from(self.facts.len()).unwrap_or(i64::MAX) < limit
    }

    /// The place of the last fact of the page, or `after` for an empty one.
    pub fn last_read(&self, after: i64) -> i64 {
        self.facts.last().map_or(after, |fact| fact.seq)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = revocations)]
struct RevocationRow {
    seq: i64,
    kind: String,
    subject_id: String,
    at_ms: Option<i64>,
    exp_s: i64,
}

impl RevocationRow {
    fn into_fact(self) -> QueryResult<SequencedFact> {
        let kind = RevocationKind::parse(&self.kind).ok_or_else(|| {
            QueryError::DeserializationError(format!("revocation {} is of an unknown kind", self.seq).into())
        })?;
        let fact = RevocationFact { kind, id: self.subject_id, at: self.at_ms, exp: self.exp_s };
        Ok(SequencedFact { seq: self.seq, fact })
    }
}

/// How many single tokens of a session are revoked by facts that still count at `now` (seconds).
pub fn count_of_session(conn: &mut DbConnection, session_id: Uuid, now: i64) -> Result<i64, DatabaseError> {
    Ok(revocations::table
        .filter(revocations::session_id.eq(session_id.to_string()))
        .filter(revocations::exp_s.gt(now))
        .count()
        .get_result(conn)?)
}

/// The place of the last fact committed (or, in the transaction that took it, of its own last fact).
pub fn last_seq(conn: &mut DbConnection) -> Result<i64, DatabaseError> {
    Ok(revocation_log::table.find(1).select(revocation_log::last_seq).first(conn)?)
}

/// At most `limit` facts later than `after` whose end is not past by [`GRACE_S`] at `now` (seconds); with `up_to` none later than that.
/// Both reads belong in one snapshot.
pub fn page(
    conn: &mut DbConnection,
    after: i64,
    up_to: Option<i64>,
    now: i64,
    limit: i64,
) -> Result<LogPage, DatabaseError> {
    let last_seq = match up_to {
        Some(up_to) => up_to,
        None => last_seq(conn)?,
    };
    let facts = revocations::table
        .filter(revocations::seq.gt(after))
        .filter(revocations::seq.le(last_seq))
        .filter(revocations::exp_s.gt(now.saturating_sub(GRACE_S)))
        .order(revocations::seq)
        .limit(limit)
        .select(RevocationRow::as_select())
        .load(conn)?
        .into_iter()
        .map(RevocationRow::into_fact)
        .collect::<QueryResult<_>>()?;
    Ok(LogPage { facts, last_seq })
}

/// The newest facts, at most `limit` of them, whose end is not past by [`GRACE_S`] at `now` (seconds), in the order of commits.
/// Both reads belong in one snapshot.
pub fn newest(conn: &mut DbConnection, now: i64, limit: i64) -> Result<LogPage, DatabaseError> {
    let last_seq = last_seq(conn)?;
    let mut facts = revocations::table
        .filter(revocations::exp_s.gt(now.saturating_sub(GRACE_S)))
        .order(revocations::seq.desc())
        .limit(limit)
        .select(RevocationRow::as_select())
        .load(conn)?
        .into_iter()
        .map(RevocationRow::into_fact)
        .collect::<QueryResult<Vec<_>>>()?;
    facts.reverse();
    Ok(LogPage { facts, last_seq })
}

/// The place of the first fact whose end is not past by [`GRACE_S`] at `now` (seconds), or the one after the log's end.
pub fn first_live(conn: &mut DbConnection, now: i64) -> Result<i64, DatabaseError> {
    let end = last_seq(conn)?;
    let first: Option<i64> = revocations::table
        .filter(revocations::exp_s.gt(now.saturating_sub(GRACE_S)))
        .select(diesel::dsl::min(revocations::seq))
        .first(conn)?;
    Ok(first.unwrap_or(end + 1))
}

/// The facts that concern the token of this query; cuts that lie before it are not among them.
pub fn find_for(
    conn: &mut DbConnection,
    query: &RevocationQuery<'_>,
) -> Result<Vec<RevocationFact>, DatabaseError> {
    let issued = query.jti.time_ms();
    let jti = query.jti.to_string();
    let sid = query.sid.map(|sid| sid.to_string()).unwrap_or_default();
    let named = |kind: RevocationKind, id: String| {
        revocations::kind.eq(kind.as_str()).and(revocations::subject_id.eq(id))
    };
    Ok(revocations::table
        .filter(
            named(RevocationKind::Jti, jti)
                .or(named(RevocationKind::Sid, sid))
                .or(named(RevocationKind::Key, query.kid.to_owned()))
                .or(named(RevocationKind::Sub, query.sub.to_owned())
                    .and(revocations::at_ms.ge(issued).assume_not_null()))
                .or(named(RevocationKind::Client, query.client_id.to_owned())
                    .and(revocations::at_ms.ge(issued).assume_not_null())),
        )
        .select(RevocationRow::as_select())
        .load(conn)?
        .into_iter()
        .map(|row| row.into_fact().map(|sequenced| sequenced.fact))
        .collect::<QueryResult<_>>()?)
}

/// Whether that signing key was revoked, as far as it is remembered.
pub fn has_key(conn: &mut DbConnection, kid: &str) -> Result<bool, DatabaseError> {
    has(conn, RevocationKind::Key, kid)
}

/// Whether there is a fact of that kind and name, as far as it is remembered.
pub fn has(conn: &mut DbConnection, kind: RevocationKind, id: &str) -> Result<bool, DatabaseError> {
    let named = revocations::kind.eq(kind.as_str()).and(revocations::subject_id.eq(id));
    Ok(diesel::select(diesel::dsl::exists(revocations::table.filter(named))).get_result(conn)?)
}

/// The latest cut against a client, as far as one is remembered.
pub fn last_cut_of_client(conn: &mut DbConnection, client_id: &str) -> Result<Option<i64>, DatabaseError> {
    Ok(revocations::table
        .filter(revocations::kind.eq(RevocationKind::Client.as_str()))
        .filter(revocations::subject_id.eq(client_id))
        .select(diesel::dsl::max(revocations::at_ms))
        .first(conn)?)
}

/// Forgets at most `limit` facts whose end is past by [`GRACE_S`] at `now` (seconds); how many.
pub fn prune(conn: &mut DbConnection, now: i64, limit: i64) -> Result<usize, DatabaseError> {
    let ended: Vec<i64> = revocations::table
        .filter(revocations::exp_s.lt(now.saturating_sub(GRACE_S)))
        .order(revocations::exp_s)
        .limit(limit)
        .select(revocations::seq)
        .load(conn)?;
    Ok(diesel::delete(revocations::table.filter(revocations::seq.eq_any(ended))).execute(conn)?)
}

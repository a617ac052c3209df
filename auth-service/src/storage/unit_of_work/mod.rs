//! A unit of work: one write transaction together with its audit events and its revocation facts.
//!
//! A use case passes a closure to [`UnitOfWork::commit`]. In its [`Transaction`] the closure takes its locks, then reads
//! and changes rows, and says which events to record and which tokens to revoke. When it returns `Ok`, the audit events
//! are written, and then, as the last statements before the commit, the facts: the lock of the revocation log is held
//! until the commit, so it is taken as late as possible. After the commit the events are logged and the facts announced.
//! Nothing else can append a fact: the function that does is private to this module.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use diesel::prelude::*;
use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::clock::{Clock, SharedClock};
use shared_claims::revocation::RevocationFact;
use uuid::Uuid;

use super::audit;
use super::schema::{revocation_log, revocations};
use crate::domain::AuditEvent;
use crate::random::Random;

/// Tells verifiers about committed facts.
pub trait Announce: Send + Sync {
    /// Announces that all facts up to this sequence number are committed. May wait, for a bounded time, until verifiers
    /// can know of them. A failure loses nothing: the facts are in the revocation log.
    fn announce(&self, seq: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Decides which rows of an audit event are stored.
pub trait AuditPolicy: Send + Sync {
    /// The rows for this event: the event itself as the last one, or none if it is not to be stored.
    fn rows(&self, event: &AuditEvent) -> Vec<AuditEvent>;
}

/// Commits changes with their audit events and revocation facts. Cheap to clone.
#[derive(Clone)]
pub struct UnitOfWork {
    database: Database,
    clock: SharedClock,
    random: Random,
    policy: Option<Arc<dyn AuditPolicy>>,
    announcer: Option<Arc<dyn Announce>>,
}

/// The result of a unit of work that was committed.
#[derive(Debug)]
pub struct Committed<T> {
    /// What the closure returned.
    pub value: T,
    /// The sequence number of the last revocation fact, if there was one.
    pub seq: Option<i64>,
}

/// A write transaction in progress.
pub struct Transaction<'a> {
    conn: &'a mut DbConnection,
    clock: &'a dyn Clock,
    now_ms: Option<i64>,
    events: Vec<AuditEvent>,
    facts: Vec<NewFact>,
    leaves_announcement: bool,
}

/// What happens after the commit.
struct AfterCommit {
    events: Vec<AuditEvent>,
    seq: Option<i64>,
    leaves_announcement: bool,
}

impl UnitOfWork {
    /// Stores every audit event, and announces no fact: the projector and the feed find facts by themselves, a little later.
    pub fn new(database: Database, clock: SharedClock, random: Random) -> Self {
        Self { database, clock, random, policy: None, announcer: None }
    }

    /// Stores the audit events that this policy allows.
    #[must_use]
    pub fn with_audit_policy(self, policy: impl AuditPolicy + 'static) -> Self {
        Self { policy: Some(Arc::new(policy)), ..self }
    }

    /// Announces facts in this way.
    #[must_use]
    pub fn announced_by(self, announcer: impl Announce + 'static) -> Self {
        Self { announcer: Some(Arc::new(announcer)), ..self }
    }

    /// The database, for reads.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The clock.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The source of randomness.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Runs `work` in a write transaction. Commits it with its audit events and facts if it returns `Ok`, and rolls all
    /// of it back otherwise. Then logs the events, and waits until the facts are announced.
    ///
    /// `work` runs a second time if the transaction lost a deadlock or a serialization failure. What it recorded and
    /// revoked in the first attempt is dropped then.
    ///
    /// # Errors
    /// The errors of `work`, and [`DatabaseError`] if the transaction fails.
    pub async fn commit<T, E, W>(&self, work: W) -> Result<Committed<T>, E>
    where
        W: Fn(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let (clock, random, policy) = (self.clock.clone(), self.random.clone(), self.policy.clone());
        let decisions = RefCell::new(Decisions::new(policy));
        let written = self.database.write(move |conn| {
            let mut transaction = Transaction::new(conn, clock.as_ref());
            let value = work(&mut transaction)?;
            let after = transaction.finish(&random, &mut decisions.borrow_mut());
            Ok::<_, E>((value, after?))
        });
        let (value, AfterCommit { events, seq, leaves_announcement }) = written.await?;
        events.iter().for_each(AuditEvent::log);
        if let (Some(seq), Some(announcer), false) = (seq, &self.announcer, leaves_announcement) {
            announcer.announce(seq).await;
        }
        Ok(Committed { value, seq })
    }
}

impl<'a> Transaction<'a> {
    fn new(conn: &'a mut DbConnection, clock: &'a dyn Clock) -> Self {
        let (events, facts) = (Vec::new(), Vec::new());
        Self { conn, clock, now_ms: None, events, facts, leaves_announcement: false }
    }

    /// The connection, for the queries of [`crate::storage`].
    pub fn conn(&mut self) -> &mut DbConnection {
        self.conn
    }

    /// The time of this transaction, in milliseconds since the Unix epoch. The first call reads the clock, and later calls
    /// return the same time. So the first call must come after the locks: a request that waited for a lock must not get
    /// a time from before the wait.
    pub fn now_ms(&mut self) -> i64 {
        *self.now_ms.get_or_insert_with(|| self.clock.now_ms())
    }

    /// Records an audit event. It is stored in this transaction, and logged after the commit.
    pub fn record(&mut self, event: AuditEvent) {
        self.events.push(event);
    }

    /// Revokes what the fact names. The fact is appended to the revocation log as the last step of this transaction, and
    /// announced after the commit.
    pub fn revoke(&mut self, fact: RevocationFact) {
        self.facts.push(NewFact { fact, session_id: None });
    }

    /// Revokes a single token of this session. Such facts can be counted with
    /// [`crate::storage::revocations::count_of_session`].
    pub fn revoke_token_of_session(&mut self, fact: RevocationFact, session_id: Uuid) {
        self.facts.push(NewFact { fact, session_id: Some(session_id) });
    }

    /// Does not announce the facts of this transaction. For the steps of a long change, of which the last one announces
    /// its facts: to wait after each step would make the change as slow as Redis.
    pub fn leave_announcement_to_next_step(&mut self) {
        self.leaves_announcement = true;
    }

    /// Writes the audit events, and then the facts.
    fn finish(mut self, random: &Random, decisions: &mut Decisions) -> Result<AfterCommit, DatabaseError> {
        let seq = if self.events.is_empty() && self.facts.is_empty() {
            None
        } else {
            let now_ms = self.now_ms();
            for (index, event) in self.events.iter().enumerate() {
                for row in decisions.rows(index, event) {
                    audit::record(self.conn, &row, random, now_ms)?;
                }
            }
            append(self.conn, &self.facts, now_ms)?
        };
        Ok(AfterCommit { events: self.events, seq, leaves_announcement: self.leaves_announcement })
    }
}

/// A fact that is to be appended.
struct NewFact {
    fact: RevocationFact,
    /// The session, if the fact is about a single token of a session.
    session_id: Option<Uuid>,
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
fn append(conn: &mut DbConnection, facts: &[NewFact], now_ms: i64) -> Result<Option<i64>, DatabaseError> {
    if facts.is_empty() {
        return Ok(None);
    }
    let count = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    diesel::update(revocation_log::table.find(1))
        .set(revocation_log::last_seq.eq(revocation_log::last_seq + count))
        .execute(conn)?;
    let last = super::revocations::last_seq(conn)?;
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

/// The decisions so far. A transaction that runs a second time uses those of the first attempt: the policy counts events,
/// and must count each one once.
struct Decisions {
    policy: Option<Arc<dyn AuditPolicy>>,
    decided: Vec<Decision>,
}

struct Decision {
    event: AuditEvent,
    rows: Vec<AuditEvent>,
}

impl Decisions {
    /// Without a policy every event is stored.
    fn new(policy: Option<Arc<dyn AuditPolicy>>) -> Self {
        Self { policy, decided: Vec::new() }
    }

    /// The rows to store for the event with this index in its transaction.
    fn rows(&mut self, index: usize, event: &AuditEvent) -> Vec<AuditEvent> {
        let Some(policy) = &self.policy else { return vec![event.clone()] };
        if let Some(decision) = self.decided.get(index)
            && decision.is_about(event)
        {
            let mut rows = decision.rows.clone();
            // The second attempt may have made other ids.
            if let Some(last) = rows.last_mut() {
                *last = event.clone();
            }
            return rows;
        }
        let rows = policy.rows(event);
        self.decided.truncate(index);
        self.decided.push(Decision { event: event.clone(), rows: rows.clone() });
        rows
    }
}

impl Decision {
    /// Whether a policy would count this event in the same way.
    fn is_about(&self, event: &AuditEvent) -> bool {
        let AuditEvent { kind, user_id, client_id, .. } = &self.event;
        (*kind, user_id, client_id) == (event.kind, &event.user_id, &event.client_id)
    }
}

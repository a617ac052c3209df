//! A unit of work: one write transaction together with its audit events, its messages and its revocation facts.
//!
//! A use case passes a closure to [`UnitOfWork::commit`]. In its [`Transaction`] the closure takes its locks, then reads
//! and changes rows, and says which events to record, which messages to send and which tokens to revoke. When it returns
//! `Ok`, the audit events and the messages are written, and then, as the last statements before the commit, the facts: the
//! lock of the revocation log is held until the commit, so it is taken as late as possible. After the commit the events are
//! logged, the queue is woken and the facts are announced. Nothing else can append a fact or a message: the functions that
//! do are private to `storage`.

mod append;
mod decisions;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::clock::{Clock, SharedClock};
use shared_claims::revocation::RevocationFact;
use uuid::Uuid;

use self::append::{NewFact, append};
use self::decisions::Decisions;
use super::{audit, queue};
use crate::domain::{AuditEvent, NewMessage};
use crate::random::Random;

/// The newest fact that is known to be in the log of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFact {
    /// The id of the database.
    pub database: String,
    /// The number of the fact.
    pub seq: i64,
}

/// Tells verifiers about committed facts.
pub trait Announce: Send + Sync {
    /// What was committed or delivered before. A new fact comes behind it; where it does not, the database was restored to an
    /// earlier state, and the transaction fails: its facts would take the numbers of those that are lost, and hide that.
    fn newest_known(&self) -> Pin<Box<dyn Future<Output = Option<KnownFact>> + Send + '_>>;

    /// Announces that all facts up to this sequence number are committed. May wait, for a bounded time, until verifiers
    /// can know of them. A failure loses nothing: the facts are in the revocation log.
    fn announce(&self, seq: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Sends committed messages of the queue.
pub trait Dispatch: Send + Sync {
    /// Makes the queue look for messages at once.
    fn wake(&self);

    /// Waits until each of these messages was tried once, for a bounded time.
    fn first_tries(&self, ids: Vec<Uuid>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
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
    dispatch: Option<Arc<dyn Dispatch>>,
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
    messages: Vec<NewMessage>,
    facts: Vec<NewFact>,
    leaves_announcement: bool,
    waits_for_first_tries: bool,
}

/// What happens after the commit.
struct AfterCommit {
    events: Vec<AuditEvent>,
    queued: Vec<Uuid>,
    seq: Option<i64>,
    leaves_announcement: bool,
    waits_for_first_tries: bool,
}

impl UnitOfWork {
    /// Stores every audit event, and announces no fact: the projector and the feed find facts by themselves, a little later.
    pub fn new(database: Database, clock: SharedClock, random: Random) -> Self {
        Self { database, clock, random, policy: None, announcer: None, dispatch: None }
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

    /// Wakes this queue after a commit that wrote messages. Without it, the servers find messages by themselves, a little
    /// later.
    #[must_use]
    pub fn dispatched_by(self, dispatch: impl Dispatch + 'static) -> Self {
        Self { dispatch: Some(Arc::new(dispatch)), ..self }
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

    /// Runs `work` in a write transaction. Commits it with its audit events, messages and facts if it returns `Ok`, and
    /// rolls all of it back otherwise. Then logs the events, wakes the queue, and waits until the facts are announced.
    ///
    /// `work` runs a second time if the transaction lost a deadlock or a serialization failure. What it recorded, queued
    /// and revoked in the first attempt is dropped then.
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
        let known = match &self.announcer {
            Some(announcer) => announcer.newest_known().await,
            None => None,
        };
        let written = self.database.write(move |conn| {
            let mut transaction = Transaction::new(conn, clock.as_ref());
            let value = work(&mut transaction)?;
            let after = transaction.finish(&random, &mut decisions.borrow_mut(), known.as_ref());
            Ok::<_, E>((value, after?))
        });
        let (value, after) = written.await?;
        after.events.iter().for_each(AuditEvent::log);
        let seq = after.seq;
        self.finish(after).await;
        Ok(Committed { value, seq })
    }

    /// Wakes the queue, and waits for what the transaction wants to be waited for. The waits run side by side, each with a
    /// bound of its own.
    async fn finish(&self, after: AfterCommit) {
        let AfterCommit { queued, seq, leaves_announcement, waits_for_first_tries, .. } = after;
        let dispatch = self.dispatch.as_ref().filter(|_| !queued.is_empty());
        if let Some(dispatch) = dispatch {
            dispatch.wake();
        }
        let announced = async {
            if let (Some(seq), Some(announcer), false) = (seq, &self.announcer, leaves_announcement) {
                announcer.announce(seq).await;
            }
        };
        let tried = async {
            if let Some(dispatch) = dispatch.filter(|_| waits_for_first_tries) {
                dispatch.first_tries(queued).await;
            }
        };
        tokio::join!(announced, tried);
    }
}

impl<'a> Transaction<'a> {
    fn new(conn: &'a mut DbConnection, clock: &'a dyn Clock) -> Self {
        Self {
            conn,
            clock,
            now_ms: None,
            events: Vec::new(),
            messages: Vec::new(),
            facts: Vec::new(),
            leaves_announcement: false,
            waits_for_first_tries: false,
        }
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

    /// Sends a message after the commit. It is written in this transaction, and only once if the same message is queued
    /// again.
    pub fn enqueue(&mut self, message: NewMessage) {
        if !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }

    /// Lets the caller wait, for a bounded time, until each message of this transaction was tried once.
    pub fn wait_for_first_tries(&mut self) {
        self.waits_for_first_tries = true;
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

    /// Writes the audit events and the messages, and then the facts.
    fn finish(
        mut self,
        random: &Random,
        decisions: &mut Decisions,
        known: Option<&KnownFact>,
    ) -> Result<AfterCommit, DatabaseError> {
        let (mut queued, mut seq) = (Vec::new(), None);
        if !(self.events.is_empty() && self.messages.is_empty() && self.facts.is_empty()) {
            let now_ms = self.now_ms();
            let events = self.events.iter().enumerate();
            let rows: Vec<_> = events.flat_map(|(index, event)| decisions.rows(index, event)).collect();
            audit::record_all(self.conn, &rows, random, now_ms)?;
            queued = queue::insert(self.conn, &self.messages, random, now_ms)?;
            seq = append(self.conn, &self.facts, now_ms, known)?;
        }
        let Self { events, leaves_announcement, waits_for_first_tries, .. } = self;
        Ok(AfterCommit { events, queued, seq, leaves_announcement, waits_for_first_tries })
    }
}

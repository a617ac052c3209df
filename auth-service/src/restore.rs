//! What an operator does after the database was restored to an earlier state.
//!
//! The restored database holds sessions, codes, links and keys as if nothing of it had ended since. So all of them end: one
//! transaction ends the sessions, deletes what waits to be used or sent, revokes the signing keys and gives the database
//! another id. The only facts in it are those of the keys, because one fact for each user would keep the lock of the log
//! for long. They are enough: no key from before verifies anything any more.

use std::sync::Arc;

use crate::domain::{AuditEvent, AuditKind, Initiator, database_id};
use crate::keys::{KeysError, Rotation};
use crate::random::Random;
use crate::storage::restored::{self, LastChanges};
use crate::storage::{Transaction, UnitOfWork};

/// The most users, and the most clients, that are named as changed last.
const MOST_NAMED: i64 = 10;

/// The use case.
pub(crate) struct AfterRestore {
    /// Commits the changes.
    pub unit_of_work: UnitOfWork,
    /// Replaces the signing keys.
    pub rotation: Rotation,
    /// How far the clocks of servers may be apart, in milliseconds.
    pub clock_skew_ms: i64,
    /// The id of the database whose facts Redis has, if that is known. The new id is later than it.
    pub known_id: Option<String>,
    /// Who does it.
    pub initiator: Initiator,
    /// Is told of each step. A step can take long on a large database.
    pub progress: Arc<dyn Fn(&str) + Send + Sync>,
}

/// What was ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The ids of the signing keys that were removed and revoked.
    pub keys: Vec<String>,
    /// The number of users whose tokens and credentials' versions were cut.
    pub users: usize,
    /// The number of clients whose tokens were cut.
    pub clients: usize,
    /// The number of sessions of clients.
    pub sessions: usize,
    /// The number of browser sessions.
    pub browser_sessions: usize,
    /// The number of authorization codes.
    pub codes: usize,
    /// The number of mailed links.
    pub links: usize,
    /// The number of messages that waited to be sent.
    pub messages: usize,
    /// What changed last before the state was saved.
    pub last_changes: LastChanges,
}

impl AfterRestore {
    /// Ends everything of before. It may be repeated.
    ///
    /// # Errors
    /// [`KeysError`] if a key cannot be made, or if the database fails. Nothing is changed then.
    pub(crate) async fn run(&self) -> Result<Ended, KeysError> {
        let (random, known_id) = (self.unit_of_work.random().clone(), self.known_id.clone());
        let (progress, skew_ms) = (Arc::clone(&self.progress), self.clock_skew_ms);
        let initiator = self.initiator.clone();
        let replaced = self.rotation.replace_all(move |transaction| {
            let ended = end_everything(transaction, skew_ms, progress.as_ref())?;
            let database_id = replace_database_id(transaction, &random, known_id.as_deref())?;
            let event = AuditEvent::new(AuditKind::DatabaseRestored, &initiator);
            transaction.record(event.subject(database_id));
            Ok(ended)
        });
        let (keys, ended) = replaced.await?;
        Ok(Ended { keys, ..ended })
    }
}

/// Gives the database an id that is later than the one that it has and than the known one. Returns it.
fn replace_database_id(
    transaction: &mut Transaction<'_>,
    random: &Random,
    known: Option<&str>,
) -> Result<String, KeysError> {
    let now_ms = transaction.now_ms();
    let current = restored::database_id(transaction.conn())?;
    let ids: Vec<_> = current.as_deref().into_iter().chain(known).collect();
    let generation = random.uuid_at(database_id::next_generation_ms(now_ms, &ids));
    let fresh = match &current {
        Some(current) => database_id::next(current, generation),
        None => random.uuid().to_string(),
    };
    restored::replace_database_id(transaction.conn(), &fresh)?;
    Ok(fresh)
}

fn end_everything(
    transaction: &mut Transaction<'_>,
    skew_ms: i64,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Ended, KeysError> {
    let now_ms = transaction.now_ms();
    let cut_ms = now_ms.saturating_add(skew_ms);
    let conn = transaction.conn();
    let last_changes = restored::last_changes(conn, MOST_NAMED)?;
    progress("ending sessions");
    let sessions = restored::end_sessions(conn, now_ms)?;
    let browser_sessions = restored::end_browser_sessions(conn, now_ms)?;
    progress("deleting codes, links and queued messages");
    let codes = restored::delete_codes(conn)?;
    let links = restored::delete_links(conn)?;
    let messages = restored::delete_messages(conn)?;
    progress("cutting the tokens of users and clients");
    let users = restored::cut_users(conn, cut_ms)?;
    let clients = restored::cut_clients(conn, cut_ms)?;
    progress("committing");
    Ok(Ended {
        keys: Vec::new(),
        users,
        clients,
        sessions,
        browser_sessions,
        codes,
        links,
        messages,
        last_changes,
    })
}

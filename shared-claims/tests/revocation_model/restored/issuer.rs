//! The database, an auth-service that uses it, and the list in Redis, as far as a restore concerns them.

use super::Flaw;
use crate::list::Facts;
use crate::model::BOUND;

/// Facts by their names, in the order of their places.
pub(super) type Log = Vec<u8>;
/// Keys. Bit n stands for the key with that name.
pub(super) type Keys = u8;

/// The fact that revokes a token of before the restore.
pub(super) const REVOKED: u8 = 0;
/// A fact that somebody commits on the restored database.
pub(super) const LATER: u8 = 1;
/// The fact by which `after-restore` revokes the key of the back-up.
pub(super) const KEY_REVOKED: u8 = 2;

/// The key that the back-up has.
pub(super) const OLD_KEY: Keys = 1;
/// A key that is younger than the back-up.
pub(super) const YOUNG_KEY: Keys = 2;
/// The key that `after-restore` made.
pub(super) const NEW_KEY: Keys = 4;

pub(super) fn set_of(log: &[u8]) -> Facts {
    log.iter().fold(0, |facts, fact| facts | (1 << fact))
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Database {
    /// Zero until `after-restore`.
    pub(super) id: u8,
    pub(super) log: Log,
    pub(super) keys: Keys,
}

impl Database {
    /// The state that is backed up.
    pub(super) fn backed_up() -> Self {
        Self { id: 0, log: Log::new(), keys: OLD_KEY }
    }

    pub(super) fn after_restore(&mut self, flaw: Flaw) {
        if flaw != Flaw::SameId {
            self.id = 1;
        }
        if flaw != Flaw::KeysStay {
            self.log.push(KEY_REVOKED);
            self.keys = NEW_KEY;
        }
    }
}

/// The list in Redis. Another epoch is noted where it is followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) id: u8,
    pub(super) stream: Log,
    /// The number of facts of this database that were delivered.
    pub(super) delivered: usize,
    /// How long ago it was proven complete; beyond the bound it has no epoch.
    pub(super) age: i8,
}

impl List {
    pub(super) fn is_proven(&self) -> bool {
        self.age <= BOUND
    }
}

/// An auth-service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Server {
    id: u8,
    /// The number of facts that it knows to be in the log.
    known: usize,
    /// It found the database to be an older state, and serves nothing.
    pub(super) is_older: bool,
    pub(super) keys: Keys,
    /// It knew more, at the restore, than the restored database has.
    pub(super) knows_of_loss: bool,
    /// It has met the restored database since.
    has_met: bool,
}

impl Server {
    /// A server that starts.
    pub(super) fn start(database: &Database, list: Option<&List>, flaw: Flaw) -> Self {
        let (known, keys) = (database.log.len(), database.keys);
        let mut server =
            Self { id: database.id, known: 0, is_older: false, keys, knows_of_loss: false, has_met: true };
        server.learn(list, flaw);
        server.knows_of_loss = server.known > known;
        server.read_log(database, flaw);
        server
    }

    /// Whether it serves although it knew more than the database has.
    pub(super) fn serves_against_better_knowledge(&self) -> bool {
        self.knows_of_loss && self.has_met && !self.is_older
    }

    pub(super) fn restored(&mut self, database: &Database) {
        self.knows_of_loss = self.known > database.log.len();
        self.has_met = false;
    }

    /// What Redis has of this database.
    fn learn(&mut self, list: Option<&List>, flaw: Flaw) {
        if let Some(list) = list.filter(|list| list.id == self.id && flaw != Flaw::RedisForgets) {
            self.known = self.known.max(list.delivered);
        }
    }

    /// Compares the log's end with what is known. Returns whether the database has another id.
    fn read_log(&mut self, database: &Database, flaw: Flaw) -> bool {
        self.has_met = true;
        if database.id != self.id {
            return true;
        }
        let is_shorter = database.log.len() < self.known && flaw != Flaw::ServesOlder;
        self.is_older = is_shorter || (self.is_older && flaw != Flaw::GrownAgain);
        self.known = self.known.max(database.log.len());
        false
    }

    pub(super) fn look(&mut self, database: &Database, flaw: Flaw) {
        if self.read_log(database, flaw) {
            self.id = database.id;
            self.known = database.log.len();
            (self.is_older, self.knows_of_loss) = (false, false);
            self.read_keys(database);
        }
    }

    /// Reads the log for a follower of the feed. Returns whether there is an answer.
    pub(super) fn reads_feed(&mut self, database: &Database, flaw: Flaw) -> bool {
        if flaw != Flaw::FeedUnchecked {
            self.read_log(database, flaw);
        }
        !self.is_older
    }

    pub(super) fn read_keys(&mut self, database: &Database) {
        self.keys = database.keys;
    }

    /// Commits a fact, unless the log ends before what is known.
    pub(super) fn commit(&mut self, database: &mut Database, fact: u8, flaw: Flaw) -> bool {
        let is_lost = database.id == self.id && database.log.len() < self.known;
        if self.is_older || (is_lost && flaw != Flaw::CommitsUnchecked) {
            return false;
        }
        database.log.push(fact);
        if database.id == self.id {
            self.known = self.known.max(database.log.len());
        }
        self.has_met = true;
        true
    }

    /// A round of the projector. Returns whether the list has another epoch now.
    pub(super) fn project(&mut self, database: &Database, list: &mut Option<List>, flaw: Flaw) -> bool {
        self.learn(list.as_ref(), flaw);
        // With another id the round goes on with that database, before this server serves it.
        let is_another = self.read_log(database, flaw);
        if self.is_older && !is_another {
            return false;
        }
        if let Some(list) = list.as_mut().filter(|list| list.id == database.id && list.is_proven()) {
            let later = database.log.get(list.delivered..).unwrap_or_default();
            list.stream.extend(later);
            (list.delivered, list.age) = (database.log.len().max(list.delivered), 0);
            return false;
        }
        let (stream, delivered) = (database.log.clone(), database.log.len());
        *list = Some(List { id: database.id, stream, delivered, age: 0 });
        true
    }
}

//! Whether the database still has what it committed.
//!
//! The promise of the revocation list rests on that. A database that was restored to an earlier state breaks it: what ended
//! since then stands in it again. The log of facts shows this, because its end only grows: where it is before the newest
//! fact that this process has seen, or that Redis has, the database is an older state of itself. So it is where its id is one
//! that an `after-restore` has replaced since. Then the service serves nothing, until an operator has run `after-restore`,
//! which gives the database another id.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use service_kit::database::{Database, DatabaseError, DbConnection};

use crate::domain::database_id;
use crate::storage::meta::{self, DATABASE_ID};
use crate::storage::revocations;

/// How long a reading may take.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// The end of a database's log of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// The id of the database.
    pub database: String,
    /// The number of the last fact.
    pub seq: i64,
}

impl LogEnd {
    /// Reads it. Read facts in the same snapshot.
    pub fn read(conn: &mut DbConnection) -> Result<Self, DatabaseError> {
        let database = meta::find(conn, DATABASE_ID)?;
        let database = database.ok_or_else(|| {
            DatabaseError::Unavailable("it has no id, as if it were being restored".to_owned())
        })?;
        Ok(Self { database, seq: revocations::last_seq(conn)? })
    }

    /// Whether this is the end of an older state of the same database than the other one.
    fn is_before(&self, other: &Self) -> bool {
        let is_same = self.database == other.database;
        is_same && self.seq < other.seq || database_id::is_replaced_by(&self.database, &other.database)
    }

    /// The text that stands in Redis.
    pub fn to_text(&self) -> String {
        format!("{}:{}", self.database, self.seq)
    }

    /// Parses the text that stands in Redis. One that has no number is an id that was written before there were numbers.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let numbered = text.rsplit_once(':').and_then(|(id, seq)| Some((id, seq.parse().ok()?)));
        let (database, seq) = numbered.unwrap_or((text, 0));
        Some(Self { database: database.to_owned(), seq })
    }
}

/// What this process knows of the log's end. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Continuity {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    newest: Option<LogEnd>,
    /// What Redis has of a later state of the database that this process has not seen.
    later: Option<LogEnd>,
    is_older: bool,
}

/// A reading of the log's end that was begun: what it has to show at least.
#[derive(Clone, Debug)]
pub struct Reading {
    newest: Option<LogEnd>,
    later: Option<LogEnd>,
}

/// What a reading shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The database goes on from what is known.
    Current,
    /// The database is an older state of itself.
    Older,
    /// Another database, or one that was restored and given another id.
    Another,
}

impl Continuity {
    /// Begins with a database of this id, of whose log nothing is known.
    pub fn of(database_id: String) -> Self {
        let known = Known { newest: Some(LogEnd { database: database_id, seq: 0 }), ..Known::default() };
        Self { known: Arc::new(Mutex::new(known)) }
    }

    /// The id of the database.
    pub fn database(&self) -> String {
        self.known().newest.as_ref().map(|end| end.database.clone()).unwrap_or_default()
    }

    /// The end of the log, as far as it is known: that of a later state, if Redis has one.
    pub fn newest(&self) -> Option<LogEnd> {
        let known = self.known();
        known.later.as_ref().or(known.newest.as_ref()).cloned()
    }

    /// Begins a reading. What was known before it has to be in its result.
    pub fn begin(&self) -> Reading {
        let known = self.known();
        Reading { newest: known.newest.clone(), later: known.later.clone() }
    }

    /// Says what Redis has. Call it before the reading begins that is to be compared with it.
    pub fn delivered(&self, end: &LogEnd) {
        let mut known = self.known();
        match &mut known.newest {
            Some(newest) if newest.database == end.database => newest.seq = newest.seq.max(end.seq),
            Some(newest) if database_id::is_replaced_by(&newest.database, &end.database) => {
                known.later = Some(end.clone());
            }
            Some(_) => {}
            None => known.newest = Some(end.clone()),
        }
    }

    /// Says that this process committed the fact with this number.
    pub fn committed(&self, seq: i64) {
        if let Some(newest) = &mut self.known().newest {
            newest.seq = newest.seq.max(seq);
        }
    }

    /// Compares a reading with what was known when it began. A reading of another database changes nothing: see
    /// [`adopt`](Self::adopt). A database that was once found to be older stays so: when its log has grown again, the facts
    /// behind those numbers are others.
    pub fn end(&self, reading: &Reading, found: &LogEnd) -> Shown {
        let mut known_ends = reading.newest.iter().chain(&reading.later);
        let shown = match &reading.newest {
            _ if known_ends.any(|end| found.is_before(end)) => Shown::Older,
            Some(newest) if newest.database != found.database => Shown::Another,
            _ => Shown::Current,
        };
        if shown == Shown::Another {
            return shown;
        }
        let mut known = self.known();
        match (&reading.newest, &mut known.newest) {
            (Some(then), Some(newest)) if then.database != newest.database => {
                // It was begun before another database was adopted, and says nothing of that one.
                return shown;
            }
            (_, Some(newest)) if newest.database == found.database => newest.seq = newest.seq.max(found.seq),
            // An earlier state, from before an `after-restore`.
            (_, Some(_)) => {}
            (_, newest) => *newest = Some(found.clone()),
        }
        if shown == Shown::Older && !std::mem::replace(&mut known.is_older, true) {
            tracing::error!(
                "database.older: it was restored to an earlier state, and what was revoked since is valid in it; nothing is \
                 served until `auth-service after-restore` was run"
            );
        }
        if known.is_older { Shown::Older } else { Shown::Current }
    }

    /// Goes on with a database that has another id, of which nothing was known before.
    fn adopt(&self, found: LogEnd) {
        let mut known = self.known();
        known.later.take_if(|later| !found.is_before(later));
        known.newest = Some(found);
        if std::mem::take(&mut known.is_older) {
            tracing::info!("database.current");
        }
    }

    /// Whether the database is an older state of itself.
    pub fn is_older(&self) -> bool {
        self.known().is_older
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the end of the log. Without it, a server to which nobody talks would not notice.
#[derive(Clone)]
pub struct LogWatch {
    database: Database,
    continuity: Continuity,
}

impl LogWatch {
    /// Builds it.
    pub fn new(database: Database, continuity: Continuity) -> Self {
        Self { database, continuity }
    }

    /// Reads the log's end once. Before a database with another id is served, `prepare` reads again what else is known of it. If
    /// it says that it could not, nothing changes, and the next look tries again.
    pub async fn look<F: Future<Output = bool>>(
        &self,
        prepare: impl FnOnce() -> F,
    ) -> Result<(), DatabaseError> {
        let reading = self.continuity.begin();
        let reads = self.database.snapshot(LogEnd::read);
        let Ok(found) = tokio::time::timeout(READ_LIMIT, reads).await else {
            return Err(DatabaseError::Unavailable(format!("no answer within {} s", READ_LIMIT.as_secs())));
        };
        let found = found?;
        if self.continuity.end(&reading, &found) == Shown::Another && prepare().await {
            self.continuity.adopt(found);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(database: &str, seq: i64) -> LogEnd {
        LogEnd { database: database.to_owned(), seq }
    }

    #[test]
    fn a_log_that_ends_before_what_was_seen_or_delivered_is_older() {
        let continuity = Continuity::default();
        let show = |found: &LogEnd| continuity.end(&continuity.begin(), found);
        assert_eq!(show(&end("a", 5)), Shown::Current);
        assert_eq!(show(&end("a", 4)), Shown::Older);
        assert!(continuity.is_older());
        assert_eq!(show(&end("a", 6)), Shown::Older, "its log grew again, with other facts");
        assert_eq!(show(&end("b", 8)), Shown::Another, "after-restore gave it another id");
        assert!(continuity.is_older(), "until it is adopted");
        continuity.adopt(end("b", 8));
        assert!(!continuity.is_older());
        continuity.delivered(&end("b", 9));
        assert_eq!(show(&end("b", 8)), Shown::Older, "Redis has more of it");
    }

    #[test]
    fn an_id_that_an_after_restore_replaced_is_older() {
        let first = uuid::Uuid::from_u128(1).to_string();
        let next = |id: &str, number| database_id::next(id, uuid::Uuid::from_u128(number));
        let (second, third) = (next(&first, 2), next(&first, 3));
        let continuity = Continuity::of(first.clone());
        let show = |found: &LogEnd| continuity.end(&continuity.begin(), found);
        continuity.delivered(&end(&second, 5));
        assert_eq!(show(&end(&first, 9)), Shown::Older, "Redis has a later state");
        assert_eq!(show(&end(&second, 4)), Shown::Older);
        assert_eq!(show(&end(&second, 5)), Shown::Another, "what else is known of it has to be read again");
        continuity.adopt(end(&second, 5));
        assert!(!continuity.is_older());
        continuity.delivered(&end(&first, 9));
        assert_eq!(show(&end(&second, 6)), Shown::Current, "what Redis had before says nothing");
        assert_eq!(show(&end(&third, 1)), Shown::Another);
        continuity.adopt(end(&third, 1));
        assert_eq!(show(&end(&second, 5)), Shown::Older);
        assert!(continuity.is_older());
        assert_eq!(show(&end(&third, 1)), Shown::Older, "until it has another id");
        continuity.adopt(end(&next(&third, 4), 1));
        assert!(!continuity.is_older());
    }

    #[test]
    fn a_reading_is_compared_with_what_was_known_when_it_began() {
        let continuity = Continuity::default();
        let slow = continuity.begin();
        assert_eq!(continuity.end(&continuity.begin(), &end("a", 5)), Shown::Current);
        assert_eq!(
            continuity.end(&slow, &end("a", 4)),
            Shown::Current,
            "it began before the fifth was known"
        );
        let slow = continuity.begin();
        continuity.adopt(end("b", 6));
        assert_eq!(continuity.end(&slow, &end("a", 4)), Shown::Older);
        assert!(!continuity.is_older(), "another database was adopted since it began");
        assert_eq!(continuity.newest(), Some(end("b", 6)));
    }

    #[test]
    fn the_text_in_redis_is_read_with_and_without_a_number() {
        for known in [end("a-b", 17), end("", 0)] {
            assert_eq!(LogEnd::parse(&known.to_text()), Some(known));
        }
        assert_eq!(LogEnd::parse("a-b"), Some(end("a-b", 0)));
        assert_eq!(LogEnd::parse(""), None);
    }
}

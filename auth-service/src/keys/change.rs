//! One transaction over the set of keys.

use diesel::result::Error as QueryError;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::revocation::{Fact, Kind};

use super::{KeyEvent, KeysError};
use crate::domain::signing_key::{KeyLife, KeyState, KeyStep, MAX_KEYS, RotationRules, gone};
use crate::domain::{AuditEvent, Origin};
use crate::random::Random;
use crate::storage::signing_keys::SigningKeyRow;
use crate::storage::{audit, meta, revocations, signing_keys};

/// How long after the last token concerned a fact is remembered.
const REMEMBER_S: i64 = 60;
/// The longest that a verifier may be told to serve from a key set that it cannot renew. Whoever stole a key signs
/// tokens without an end: what revokes them must stand until the key is in nobody's set.
const LONGEST_HELD_S: i64 = 2_592_000;

/// Why a change was rolled back.
#[derive(Debug)]
pub(super) enum Stop {
    /// A key has to be made, which takes too long under the lock: make one and try again.
    NeedsKey,
    /// It failed.
    Failed(KeysError),
}

impl From<KeysError> for Stop {
    fn from(error: KeysError) -> Self {
        Self::Failed(error)
    }
}

impl From<DatabaseError> for Stop {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<QueryError> for Stop {
    fn from(error: QueryError) -> Self {
        Self::Failed(error.into())
    }
}

/// The set of keys, under the lock that replicas take in turn.
pub(super) struct Change<'a> {
    conn: &'a mut DbConnection,
    pub(super) rules: RotationRules,
    pub(super) now_ms: i64,
    /// Keys that were made for this change, in no state yet.
    made: Vec<SigningKeyRow>,
    events: Vec<KeyEvent>,
}

impl<'a> Change<'a> {
    /// Waits for the lock, then takes the time.
    pub(super) fn begin(
        conn: &'a mut DbConnection,
        rules: RotationRules,
        made: Vec<SigningKeyRow>,
        now_ms: impl FnOnce() -> i64,
    ) -> Result<Self, Stop> {
        meta::lock(conn)?;
        Ok(Self { conn, rules, now_ms: now_ms(), made, events: Vec::new() })
    }

    /// Records what happened, and hands it on for when it is committed.
    pub(super) fn record(self, origin: &Origin, random: &Random) -> Result<Vec<AuditEvent>, Stop> {
        let events: Vec<_> = self.events.iter().map(|event| event.audit(origin)).collect();
        for event in &events {
            audit::record(self.conn, event, random, self.now_ms)?;
        }
        Ok(events)
    }

    /// The keys as they stand.
    pub(super) fn lives(&mut self) -> Result<Vec<KeyLife>, Stop> {
        Ok(signing_keys::all(self.conn)?.iter().map(SigningKeyRow::life).collect::<Result<_, _>>()?)
    }

    /// Does all that is due; nothing, while there is a key in a state that is not known here. What that state means for the
    /// others is known to the newer replica that gave it, which does what is due.
    pub(super) fn settle(&mut self) -> Result<(), Stop> {
        if signing_keys::all(self.conn)?.iter().any(|row| row.life().is_err()) {
            return Ok(());
        }
        loop {
            let lives = self.lives()?;
            match self.rules.due(&lives, self.now_ms) {
                Some(step) => self.take(step)?,
                None => return Ok(()),
            }
        }
    }

    /// Makes room: takes out what nobody needs any longer.
    pub(super) fn tidy(&mut self) -> Result<(), Stop> {
        loop {
            let lives = self.lives()?;
            match gone(&lives, self.now_ms) {
                Some(step) => self.take(step)?,
                None => return Ok(()),
            }
        }
    }

    /// Does this. Each statement names the state that it changes, and says whether it found it.
    pub(super) fn take(&mut self, step: KeyStep) -> Result<(), Stop> {
        match step {
            KeyStep::Begin => self.insert_made(KeyState::Active, self.now_ms),
            KeyStep::Prepare { activates_at_ms } => self.insert_made(KeyState::Next, activates_at_ms),
            KeyStep::Activate { kid, retires } => {
                if let Some(retired) = &retires {
                    let (rules, now_ms) = (self.rules, self.now_ms);
                    let leaves_at_ms = |end_by_s| rules.leaves_at_ms(end_by_s, now_ms);
                    must(signing_keys::retire(self.conn, retired, leaves_at_ms)?, retired)?;
                }
                must(signing_keys::activate(self.conn, &kid, self.now_ms)?, &kid)?;
                self.events.push(KeyEvent::Rotated { kid });
                Ok(())
            }
            KeyStep::Forget { kid } => {
                must(signing_keys::forget(self.conn, &kid)?, &kid)?;
                self.events.push(KeyEvent::Forgotten { kid });
                Ok(())
            }
        }
    }

    fn insert_made(&mut self, state: KeyState, activates_at_ms: i64) -> Result<(), Stop> {
        let row = self.made.pop().ok_or(Stop::NeedsKey)?;
        let kid = self.insert(row, state, activates_at_ms)?;
        self.events.push(KeyEvent::Generated { kid, state });
        Ok(())
    }

    fn insert(&mut self, row: SigningKeyRow, state: KeyState, activates_at_ms: i64) -> Result<String, Stop> {
        // One that is to sign at once stands in for another.
        if state == KeyState::Next && self.lives()?.len() >= MAX_KEYS {
            return Err(KeysError::Full.into());
        }
        let row = SigningKeyRow {
            state: state.as_str().to_owned(),
            created_at_ms: self.now_ms,
            activates_at_ms,
            ..row
        };
        signing_keys::insert(self.conn, &row)?;
        Ok(row.kid)
    }

    /// Publishes a key from elsewhere. One that is there, or was revoked, is refused.
    pub(super) fn import(&mut self, row: SigningKeyRow) -> Result<(), Stop> {
        if self.lives()?.iter().any(|life| life.kid == row.kid) {
            return Err(KeysError::KnownKey(row.kid).into());
        }
        if revocations::has_key(self.conn, &row.kid)? {
            return Err(KeysError::RevokedKey(row.kid).into());
        }
        let activates_at_ms = self.rules.activation_of_new_ms(self.now_ms);
        let kid = self.insert(row, KeyState::Next, activates_at_ms)?;
        self.events.push(KeyEvent::Imported { kid });
        Ok(())
    }

    /// Takes a key out of the set, has another sign where it signed, and revokes it; the fact's place. Last in the
    /// transaction.
    pub(super) fn revoke(&mut self, kid: &str) -> Result<i64, Stop> {
        let Some(row) = signing_keys::remove(self.conn, kid)? else {
            return Err(KeysError::UnknownKey(kid.to_owned()).into());
        };
        self.settle()?;
        let held_until_s = self.now_ms.div_euclid(1000).saturating_add(LONGEST_HELD_S);
        let fact = Fact {
            kind: Kind::Key,
            id: row.kid,
            at: None,
            exp: row.tokens_end_by_s.max(held_until_s).saturating_add(REMEMBER_S),
        };
        let seq = revocations::append(self.conn, &fact, self.now_ms)?;
        self.events.push(KeyEvent::Compromised { kid: fact.id });
        Ok(seq)
    }
}

/// Nobody else moves keys while we hold the lock: a key that is not where it was read is a fault.
fn must(found: bool, kid: &str) -> Result<(), Stop> {
    if found { Ok(()) } else { Err(KeysError::Damaged(format!("signing key {kid}")).into()) }
}

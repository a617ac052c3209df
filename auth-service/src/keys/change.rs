//! One transaction that changes the set of signing keys.

use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::issuer::contract::{MAX_KEY_SET_AGE_S, fact_expiry_s};
use shared_claims::revocation::{RevocationFact, RevocationKind};

use super::{KeyEvent, KeysError};
use crate::domain::Initiator;
use crate::domain::signing_key::{KeyLife, KeyState, KeyStep, MAX_KEYS, RotationRules, gone};
use crate::storage::signing_keys::SigningKeyRow;
use crate::storage::{Transaction, meta, revocations, signing_keys};

/// Why a transaction was rolled back.
#[derive(Debug)]
pub(super) enum Stop {
    /// A new key is needed. Generating one takes too long under the lock: generate it, then retry.
    NeedsKey,
    /// The change failed.
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

/// A change in progress. The transaction holds the lock on the set of keys, so replicas take turns.
pub(super) struct KeySetChange<'a, 'c> {
    transaction: &'a mut Transaction<'c>,
    initiator: &'a Initiator,
    pub(super) rules: RotationRules,
    pub(super) now_ms: i64,
    /// Keys that were generated for this change and are not in the set yet.
    made: Vec<SigningKeyRow>,
}

impl<'a, 'c> KeySetChange<'a, 'c> {
    /// Waits for the lock, then reads the clock.
    pub(super) fn begin(
        transaction: &'a mut Transaction<'c>,
        initiator: &'a Initiator,
        rules: RotationRules,
        made: Vec<SigningKeyRow>,
    ) -> Result<Self, Stop> {
        meta::lock(transaction.conn())?;
        let now_ms = transaction.now_ms();
        Ok(Self { transaction, initiator, rules, now_ms, made })
    }

    fn conn(&mut self) -> &mut DbConnection {
        self.transaction.conn()
    }

    fn record(&mut self, event: &KeyEvent) {
        self.transaction.record(event.audit(self.initiator));
    }

    /// The keys as they are in this transaction.
    pub(super) fn lives(&mut self) -> Result<Vec<KeyLife>, Stop> {
        Ok(signing_keys::all(self.conn())?.iter().map(SigningKeyRow::life).collect::<Result<_, _>>()?)
    }

    /// Carries out every step that is due. Does nothing while a key has an unknown state: only the newer version that
    /// set this state knows what it means for the other keys, and that version carries out the steps.
    pub(super) fn settle(&mut self) -> Result<(), Stop> {
        if signing_keys::all(self.conn())?.iter().any(|row| row.life().is_err()) {
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

    /// Removes keys that no verifier needs any more, to make room.
    pub(super) fn tidy(&mut self) -> Result<(), Stop> {
        loop {
            let lives = self.lives()?;
            match gone(&lives, self.now_ms) {
                Some(step) => self.take(step)?,
                None => return Ok(()),
            }
        }
    }

    /// Carries out one step. Each statement names the state that the key must be in, and reports whether it was.
    pub(super) fn take(&mut self, step: KeyStep) -> Result<(), Stop> {
        match step {
            KeyStep::Begin => self.insert_made(KeyState::Active, self.now_ms),
            KeyStep::Prepare { activates_at_ms } => self.insert_made(KeyState::Next, activates_at_ms),
            KeyStep::Activate { kid, retires } => {
                if let Some(retired) = &retires {
                    let (rules, now_ms) = (self.rules, self.now_ms);
                    let leaves_at_ms = |end_by_s| rules.leaves_at_ms(end_by_s, now_ms);
                    must(signing_keys::retire(self.conn(), retired, leaves_at_ms)?, retired)?;
                }
                let now_ms = self.now_ms;
                must(signing_keys::activate(self.conn(), &kid, now_ms)?, &kid)?;
                self.record(&KeyEvent::Rotated { kid });
                Ok(())
            }
            KeyStep::Forget { kid } => {
                must(signing_keys::forget(self.conn(), &kid)?, &kid)?;
                self.record(&KeyEvent::Forgotten { kid });
                Ok(())
            }
        }
    }

    fn insert_made(&mut self, state: KeyState, activates_at_ms: i64) -> Result<(), Stop> {
        let row = self.made.pop().ok_or(Stop::NeedsKey)?;
        let kid = self.insert(row, state, activates_at_ms)?;
        self.record(&KeyEvent::Generated { kid, state });
        Ok(())
    }

    fn insert(&mut self, row: SigningKeyRow, state: KeyState, activates_at_ms: i64) -> Result<String, Stop> {
        // A key that signs at once replaces another one, so the limit does not apply to it.
        if state == KeyState::Next && self.lives()?.len() >= MAX_KEYS {
            return Err(KeysError::Full.into());
        }
        let row = SigningKeyRow {
            state: state.as_str().to_owned(),
            created_at_ms: self.now_ms,
            activates_at_ms,
            ..row
        };
        signing_keys::insert(self.conn(), &row)?;
        Ok(row.kid)
    }

    /// Publishes an imported key. A key that is in the set already, or was revoked, is refused.
    pub(super) fn import(&mut self, row: SigningKeyRow) -> Result<(), Stop> {
        if self.lives()?.iter().any(|life| life.kid == row.kid) {
            return Err(KeysError::KnownKey(row.kid).into());
        }
        if revocations::has_key(self.conn(), &row.kid)? {
            return Err(KeysError::RevokedKey(row.kid).into());
        }
        let activates_at_ms = self.rules.activation_of_new_ms(self.now_ms);
        let kid = self.insert(row, KeyState::Next, activates_at_ms)?;
        self.record(&KeyEvent::Imported { kid });
        Ok(())
    }

    /// Removes a key from the set and revokes it. If it was the active one, another key becomes active.
    pub(super) fn revoke(&mut self, kid: &str) -> Result<(), Stop> {
        let Some(row) = signing_keys::remove(self.conn(), kid)? else {
            return Err(KeysError::UnknownKey(kid.to_owned()).into());
        };
        self.settle()?;
        // Whoever stole the key can sign tokens that never expire, so the fact is kept until no verifier has the key.
        let held_until_s = self.now_ms.div_euclid(1000).saturating_add(MAX_KEY_SET_AGE_S);
        self.record(&KeyEvent::Compromised { kid: row.kid.clone() });
        let exp = fact_expiry_s(row.tokens_end_by_s.max(held_until_s));
        self.transaction.revoke(RevocationFact { kind: RevocationKind::Key, id: row.kid, at: None, exp });
        Ok(())
    }
}

/// No other process changes keys while this transaction holds the lock, so a key that is not in the state that was
/// read is an error.
fn must(found: bool, kid: &str) -> Result<(), Stop> {
    if found { Ok(()) } else { Err(KeysError::Damaged(format!("signing key {kid}")).into()) }
}

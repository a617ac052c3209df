//! One transaction that changes the set of signing keys.

use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::issuer::contract::{MAX_KEY_SET_AGE_S, fact_expiry_s};
use shared_claims::revocation::{RevocationFact, RevocationKind};

use super::KeysError;
use crate::domain::signing_key::{
    KeyLifecycle, KeyState, KeyStep, MAX_KEYS, RotationRules, removal_of_unneeded,
};
use crate::domain::{AuditEvent, AuditKind, Initiator};
use crate::storage::signing_keys::SigningKeyRow;
use crate::storage::{Transaction, former_keys, meta, revocations, signing_keys};

/// Something that happened to the set of keys. Its audit event is committed in the same transaction: see
/// [`KeyEvent::audit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key was generated.
    Generated {
        /// The key id.
        kid: String,
        /// The state: active, or published first.
        state: KeyState,
    },
    /// A key was imported from a file.
    Imported {
        /// The key id.
        kid: String,
    },
    /// Another key became the active one.
    Rotated {
        /// The id of the new active key.
        kid: String,
    },
    /// A retired key left the set.
    Forgotten {
        /// The key id.
        kid: String,
    },
    /// A compromised key was removed and revoked.
    Compromised {
        /// The key id.
        kid: String,
    },
    /// A value that another encryption key had encrypted was encrypted anew.
    Resealed {
        /// The id of the signing key, or the name of the secret.
        name: String,
    },
}

impl KeyEvent {
    /// The audit event for it.
    pub(super) fn audit(&self, initiator: &Initiator) -> AuditEvent {
        let about = |kind, subject: &String| AuditEvent::new(kind, initiator).subject(subject.clone());
        match self {
            Self::Generated { kid, state } => about(AuditKind::KeyGenerated, kid).reason(state.as_str()),
            Self::Imported { kid } => about(AuditKind::KeyImported, kid),
            Self::Rotated { kid } => about(AuditKind::KeyRotated, kid),
            Self::Forgotten { kid } => about(AuditKind::KeyForgotten, kid),
            Self::Compromised { kid } => about(AuditKind::KeyCompromised, kid),
            Self::Resealed { name } => about(AuditKind::SecretsResealed, name),
        }
    }
}

/// How long the public part of a key is kept after it has left the key set, in milliseconds: longer than most people stay
/// signed in. Clients send an `id_token` as a hint that long after they got it.
const FORMER_KEPT_MS: i64 = 400 * 86_400_000;

/// Why the transaction of a change was rolled back.
#[derive(Debug)]
pub(super) enum ChangeError {
    /// A new key is needed. Generating one takes too long under the lock: generate it, then retry.
    NeedsKey,
    /// The change failed.
    Failed(KeysError),
}

impl From<KeysError> for ChangeError {
    fn from(error: KeysError) -> Self {
        Self::Failed(error)
    }
}

impl From<DatabaseError> for ChangeError {
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
    generated: Vec<SigningKeyRow>,
}

impl<'a, 'c> KeySetChange<'a, 'c> {
    /// Waits for the lock, then reads the clock.
    pub(super) fn begin(
        transaction: &'a mut Transaction<'c>,
        initiator: &'a Initiator,
        rules: RotationRules,
        generated: Vec<SigningKeyRow>,
    ) -> Result<Self, ChangeError> {
        meta::lock(transaction.conn())?;
        let now_ms = transaction.now_ms();
        Ok(Self { transaction, initiator, rules, now_ms, generated })
    }

    fn conn(&mut self) -> &mut DbConnection {
        self.transaction.conn()
    }

    fn record(&mut self, event: &KeyEvent) {
        self.transaction.record(event.audit(self.initiator));
    }

    /// The keys as they are in this transaction.
    pub(super) fn lifecycles(&mut self) -> Result<Vec<KeyLifecycle>, ChangeError> {
        Ok(signing_keys::all(self.conn())?.iter().map(SigningKeyRow::lifecycle).collect::<Result<_, _>>()?)
    }

    /// Carries out every step that is due. Does nothing while a key has an unknown state: only the newer version that
    /// set this state knows what it means for the other keys, and that version carries out the steps.
    pub(super) fn apply_due_steps(&mut self) -> Result<(), ChangeError> {
        if signing_keys::all(self.conn())?.iter().any(|row| row.lifecycle().is_err()) {
            return Ok(());
        }
        loop {
            let keys = self.lifecycles()?;
            match self.rules.due(&keys, self.now_ms) {
                Some(step) => self.apply(step)?,
                None => return Ok(()),
            }
        }
    }

    /// Removes keys that no verifier needs any more, to make room.
    pub(super) fn remove_unneeded(&mut self) -> Result<(), ChangeError> {
        loop {
            let keys = self.lifecycles()?;
            match removal_of_unneeded(&keys, self.now_ms) {
                Some(step) => self.apply(step)?,
                None => return Ok(()),
            }
        }
    }

    /// Carries out one step. Each statement names the state that the key must be in, and reports whether it was.
    pub(super) fn apply(&mut self, step: KeyStep) -> Result<(), ChangeError> {
        match step {
            KeyStep::Begin => self.insert_generated(KeyState::Active, self.now_ms),
            KeyStep::Prepare { activates_at_ms } => self.insert_generated(KeyState::Next, activates_at_ms),
            KeyStep::Activate { kid, retires } => {
                if let Some(retired) = &retires {
                    let (rules, now_ms) = (self.rules, self.now_ms);
                    let leaves_at_ms = |end_by_s| rules.leaves_at_ms(end_by_s, now_ms);
                    ensure_found(signing_keys::retire(self.conn(), retired, leaves_at_ms)?, retired)?;
                }
                let now_ms = self.now_ms;
                ensure_found(signing_keys::activate(self.conn(), &kid, now_ms)?, &kid)?;
                self.record(&KeyEvent::Rotated { kid });
                Ok(())
            }
            KeyStep::Forget { kid } => {
                let row = signing_keys::all(self.conn())?.into_iter().find(|row| row.kid == kid);
                ensure_found(signing_keys::forget(self.conn(), &kid)?, &kid)?;
                let now_ms = self.now_ms;
                if let Some(row) = row {
                    former_keys::keep(self.conn(), &row, now_ms, now_ms.saturating_sub(FORMER_KEPT_MS))?;
                }
                self.record(&KeyEvent::Forgotten { kid });
                Ok(())
            }
        }
    }

    fn insert_generated(&mut self, state: KeyState, activates_at_ms: i64) -> Result<(), ChangeError> {
        let row = self.generated.pop().ok_or(ChangeError::NeedsKey)?;
        let kid = self.insert(row, state, activates_at_ms)?;
        self.record(&KeyEvent::Generated { kid, state });
        Ok(())
    }

    fn insert(
        &mut self,
        row: SigningKeyRow,
        state: KeyState,
        activates_at_ms: i64,
    ) -> Result<String, ChangeError> {
        // A key that signs at once replaces another one, so the limit does not apply to it.
        if state == KeyState::Next && self.lifecycles()?.len() >= MAX_KEYS {
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
    pub(super) fn import(&mut self, row: SigningKeyRow) -> Result<(), ChangeError> {
        if self.lifecycles()?.iter().any(|key| key.kid == row.kid) {
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

    /// Removes and revokes every key, also those that have left the set, and begins with a new one. Returns the ids of the
    /// old ones. Nothing of a key's state is kept, so a state that only a newer version knows does not matter.
    pub(super) fn replace_all(&mut self) -> Result<Vec<String>, ChangeError> {
        let mut kids: Vec<String> = signing_keys::all(self.conn())?.into_iter().map(|row| row.kid).collect();
        kids.extend(former_keys::ids(self.conn())?);
        let held_until_s = self.now_ms.div_euclid(1000).saturating_add(MAX_KEY_SET_AGE_S);
        for kid in &kids {
            let removed = signing_keys::remove(self.conn(), kid)?;
            former_keys::remove(self.conn(), kid)?;
            let tokens_end_by_s = removed.map_or(held_until_s, |row| row.tokens_end_by_s);
            let (id, exp) = (kid.clone(), fact_expiry_s(tokens_end_by_s.max(held_until_s)));
            self.transaction.revoke(RevocationFact { kind: RevocationKind::Key, id, at: None, exp });
            self.record(&KeyEvent::Compromised { kid: kid.clone() });
        }
        self.apply(KeyStep::Begin)?;
        Ok(kids)
    }

    /// The transaction, for what else changes in it.
    pub(super) fn transaction(&mut self) -> &mut Transaction<'c> {
        self.transaction
    }

    /// Removes a key from the set and revokes it. If it was the active one, another key becomes active. A key that has left
    /// the set is revoked as well: it verifies no hint any more.
    pub(super) fn revoke(&mut self, kid: &str) -> Result<(), ChangeError> {
        let removed = signing_keys::remove(self.conn(), kid)?;
        let was_former = former_keys::remove(self.conn(), kid)?;
        if removed.is_none() && !was_former {
            return Err(KeysError::UnknownKey(kid.to_owned()).into());
        }
        self.apply_due_steps()?;
        // Whoever stole the key can sign tokens that never expire, so the fact is kept until no verifier has the key.
        let held_until_s = self.now_ms.div_euclid(1000).saturating_add(MAX_KEY_SET_AGE_S);
        self.record(&KeyEvent::Compromised { kid: kid.to_owned() });
        let tokens_end_by_s = removed.map_or(held_until_s, |row| row.tokens_end_by_s);
        let (id, exp) = (kid.to_owned(), fact_expiry_s(tokens_end_by_s.max(held_until_s)));
        self.transaction.revoke(RevocationFact { kind: RevocationKind::Key, id, at: None, exp });
        Ok(())
    }
}

/// No other process changes keys while this transaction holds the lock, so a key that is not in the state that was
/// read is an error.
fn ensure_found(found: bool, kid: &str) -> Result<(), ChangeError> {
    if found { Ok(()) } else { Err(KeysError::Damaged(format!("signing key {kid}")).into()) }
}

//! Changes the set of signing keys: when the time has come, and on an operator's command.
//!
//! Any replica and any command may do this at any time. Each takes the lock, then reads the keys and decides, so a
//! step that is due is carried out once.

use std::sync::Arc;

use service_kit::database::Database;

use super::change::{KeySetChange, Stop};
use super::generate::{self, NewKey};
use super::{KeysError, Sealer, SigningKey};
use crate::domain::Initiator;
use crate::domain::signing_key::{KeyLife, RotationRules, When};
use crate::storage::UnitOfWork;
use crate::storage::signing_keys::{self, SigningKeyRow};

/// The settings for signing keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyStoreSettings {
    /// The modulus length of generated keys, in bits.
    pub rsa_bits: usize,
    /// The times of the rotation.
    pub rules: RotationRules,
}

impl Default for KeyStoreSettings {
    /// 2048 bits, a key set that may be cached for five minutes, and a rotation every thirty days.
    fn default() -> Self {
        let rules =
            RotationRules { publish_ms: 602_000, rotate_after_ms: Some(30 * 86_400_000), keep_ms: 61_000 };
        Self { rsa_bits: 2048, rules }
    }
}

/// The use cases for changing the set of keys. Cheap to clone.
#[derive(Clone)]
pub struct Rotation {
    pub(super) inner: Arc<Inner>,
    pub(super) initiator: Initiator,
}

pub(super) struct Inner {
    pub(super) unit_of_work: UnitOfWork,
    pub(super) sealer: Arc<Sealer>,
    settings: KeyStoreSettings,
}

impl Rotation {
    /// Builds the use cases. Changes are recorded as caused by the service itself.
    pub fn new(unit_of_work: UnitOfWork, sealer: Arc<Sealer>, settings: KeyStoreSettings) -> Self {
        let inner = Arc::new(Inner { unit_of_work, sealer, settings });
        Self { inner, initiator: Initiator::system() }
    }

    /// Records changes as made by this initiator.
    #[must_use]
    pub fn caused_by(self, initiator: Initiator) -> Self {
        Self { initiator, ..self }
    }

    /// Whether a step is due.
    pub(super) fn is_due(&self, keys: &[KeyLife]) -> bool {
        self.inner.settings.rules.due(keys, self.inner.unit_of_work.clock().now_ms()).is_some()
    }

    /// Carries out every step that is due. At the first start, generates the first key.
    pub async fn turn(&self) -> Result<(), KeysError> {
        self.change(settle).await
    }

    /// Begins to replace the active key. If a key is published already and waits to sign, that one is used.
    pub async fn rotate(&self, when: When) -> Result<(), KeysError> {
        self.change(move |change| {
            change.tidy()?;
            let lives = change.lives()?;
            let asked = change.rules.asked(&lives, when, change.now_ms);
            // If there is no key yet, nothing is rotated: `settle` creates the first key.
            if let Some(step) = asked.filter(|_| !lives.is_empty()) {
                change.take(step)?;
            }
            change.settle()
        })
        .await
    }

    /// Removes a key at once, whatever its state, and revokes every token that it signed or will sign. Returns the
    /// sequence number of the revocation fact.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`] for a key that is not in the set.
    pub async fn drop_compromised(&self, kid: String) -> Result<(), KeysError> {
        self.change(move |change| change.revoke(&kid)).await
    }

    /// Publishes the key of a PKCS#8 file. It begins to sign after it was published long enough. Returns its id.
    ///
    /// # Errors
    /// [`KeysError::Import`] if the text is not a key that can be used, [`KeysError::KnownKey`] if the key is in the
    /// set, and [`KeysError::RevokedKey`] if it was revoked.
    pub async fn import(&self, pem: &str) -> Result<String, KeysError> {
        let row = self.sealed(&generate::read_pem(pem)?)?;
        let kid = row.kid.clone();
        self.change(move |change| {
            change.tidy()?;
            change.import(row.clone())?;
            change.settle()
        })
        .await?;
        Ok(kid)
    }

    /// Runs `work` under the lock, in one unit of work. If `work` needs a new key, the transaction is rolled back, a key
    /// is generated without the lock, and `work` runs again.
    async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&mut KeySetChange<'_, '_>) -> Result<T, Stop> + Clone + Send + 'static,
    ) -> Result<T, KeysError> {
        let mut made = Vec::new();
        loop {
            let (rules, initiator) = (self.inner.settings.rules, self.initiator.clone());
            let (given, work) = (made.clone(), work.clone());
            let attempt = self.inner.unit_of_work.commit(move |transaction| {
                work(&mut KeySetChange::begin(transaction, &initiator, rules, given.clone())?)
            });
            match attempt.await {
                Ok(committed) => return Ok(committed.value),
                Err(Stop::NeedsKey) => made.push(self.make().await?),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// Generates a key, encrypts it and tests it.
    async fn make(&self) -> Result<SigningKeyRow, KeysError> {
        let (random, bits) = (self.inner.unit_of_work.random().clone(), self.inner.settings.rsa_bits);
        let made = tokio::task::spawn_blocking(move || generate::generate(bits, &random)).await;
        let made = made.unwrap_or_else(|_| Err(KeysError::Generate("panicked".to_owned())))?;
        self.sealed(&made)
    }

    fn sealed(&self, key: &NewKey) -> Result<SigningKeyRow, KeysError> {
        let sealed = self.inner.sealer.seal(&key.kid, &key.pkcs8)?;
        let row = SigningKeyRow {
            kid: key.kid.clone(),
            state: String::new(),
            algorithm: "RS256".to_owned(),
            modulus: key.modulus.clone(),
            exponent: key.exponent.clone(),
            private_key: sealed.ciphertext,
            key_id: sealed.key_id,
            created_at_ms: 0,
            activates_at_ms: 0,
            retires_at_ms: None,
            tokens_end_by_s: 0,
        };
        SigningKey::open(&row, &self.inner.sealer)?;
        Ok(row)
    }
}

fn settle(change: &mut KeySetChange<'_, '_>) -> Result<(), Stop> {
    change.settle()
}

/// Reads every key of the set, oldest first. Reads from the primary, because a standby may lag.
pub async fn stored_keys(database: &Database) -> Result<Vec<SigningKeyRow>, KeysError> {
    database.snapshot(|conn| signing_keys::all(conn).map_err(KeysError::from)).await
}

//! Changes the set of signing keys, when a step is due and on an operator's command, and encrypts values again when
//! there is another encryption key.
//!
//! Any replica and any command may do this at any time. Each takes the lock, then reads the keys and decides, so a
//! step that is due is carried out once.

use std::sync::Arc;

use service_kit::database::{Database, DbConnection};

use super::change::{ChangeError, KeyEvent, KeySetChange};
use super::generate::{self, NewKey};
use super::{KeysError, Sealed, Sealer, SigningKey};
use crate::domain::Initiator;
use crate::domain::signing_key::{KeyLifecycle, RotationRules, RotationStart};
use crate::storage::signing_keys::SigningKeyRow;
use crate::storage::{Transaction, UnitOfWork, secrets, signing_keys};

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
    pub(super) fn is_due(&self, keys: &[KeyLifecycle]) -> bool {
        self.inner.settings.rules.due(keys, self.inner.unit_of_work.clock().now_ms()).is_some()
    }

    /// Carries out every step that is due. At the first start, generates the first key.
    pub async fn apply_due_steps(&self) -> Result<(), KeysError> {
        self.change(apply_due_steps).await
    }

    /// Begins to replace the active key. If a key is published already and waits to sign, that one is used.
    pub async fn rotate(&self, start: RotationStart) -> Result<(), KeysError> {
        self.change(move |change| {
            change.remove_unneeded()?;
            let keys = change.lifecycles()?;
            let requested = change.rules.requested(&keys, start, change.now_ms);
            // If there is no key yet, nothing is rotated: `apply_due_steps` creates the first key.
            if let Some(step) = requested.filter(|_| !keys.is_empty()) {
                change.apply(step)?;
            }
            change.apply_due_steps()
        })
        .await
    }

    /// Removes a key at once, whatever its state, and revokes every token that it signed or will sign. Returns the
    /// sequence number of the revocation fact.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`] for a key that is not in the set.
    pub async fn revoke_compromised(&self, kid: String) -> Result<(), KeysError> {
        self.change(move |change| change.revoke(&kid)).await
    }

    /// Removes and revokes every key that the database knows, and begins with a new one, after `work` in the same unit of
    /// work. Returns the ids of the old keys, and what `work` returned.
    pub async fn replace_all<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Transaction<'_>) -> Result<T, KeysError> + Send + Sync + 'static,
    ) -> Result<(Vec<String>, T), KeysError> {
        // Made before, because `work` can take long and would run again for it.
        let fresh = self.generate().await?;
        let (rules, initiator) = (self.inner.settings.rules, self.initiator.clone());
        let replaced = self.inner.unit_of_work.commit(move |transaction| {
            let mut change = KeySetChange::begin(transaction, &initiator, rules, vec![fresh.clone()])?;
            let value = work(change.transaction())?;
            Ok::<_, ChangeError>((change.replace_all()?, value))
        });
        match replaced.await {
            Ok(committed) => Ok(committed.value),
            Err(ChangeError::Failed(error)) => Err(error),
            Err(ChangeError::NeedsKey) => Err(KeysError::Damaged("the set of signing keys".to_owned())),
        }
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
            change.remove_unneeded()?;
            change.import(row.clone())?;
            change.apply_due_steps()
        })
        .await?;
        Ok(kid)
    }

    /// Runs `work` under the lock, in one unit of work. If `work` needs a new key, the transaction is rolled back, a key
    /// is generated without the lock, and `work` runs again.
    async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&mut KeySetChange<'_, '_>) -> Result<T, ChangeError> + Clone + Send + 'static,
    ) -> Result<T, KeysError> {
        let mut generated = Vec::new();
        loop {
            let (rules, initiator) = (self.inner.settings.rules, self.initiator.clone());
            let (keys, work) = (generated.clone(), work.clone());
            let attempt = self.inner.unit_of_work.commit(move |transaction| {
                work(&mut KeySetChange::begin(transaction, &initiator, rules, keys.clone())?)
            });
            match attempt.await {
                Ok(committed) => return Ok(committed.value),
                Err(ChangeError::NeedsKey) => generated.push(self.generate().await?),
                Err(ChangeError::Failed(error)) => return Err(error),
            }
        }
    }

    /// Generates a key, encrypts it and tests it.
    async fn generate(&self) -> Result<SigningKeyRow, KeysError> {
        let (random, bits) = (self.inner.unit_of_work.random().clone(), self.inner.settings.rsa_bits);
        let generated = tokio::task::spawn_blocking(move || generate::generate(bits, &random)).await;
        let key = generated.unwrap_or_else(|_| Err(KeysError::Generate("panicked".to_owned())))?;
        self.sealed(&key)
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

// A function, because the path of the method would fix the lifetimes of `KeySetChange`.
fn apply_due_steps(change: &mut KeySetChange<'_, '_>) -> Result<(), ChangeError> {
    change.apply_due_steps()
}

/// The values that were encrypted again, with the current key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reencrypted {
    /// The number of server secrets.
    pub secrets: usize,
    /// The ids of the signing keys.
    pub signing_keys: Vec<String>,
}

impl Rotation {
    /// Decrypts every value that another key encrypted, and encrypts it with the current one. Each value has a
    /// transaction of its own, so servers keep working, and a command that is killed or runs twice repeats nothing.
    /// Any further kind of encrypted value has to be added here.
    pub async fn reencrypt(&self) -> Result<Reencrypted, KeysError> {
        let (database, sealer) = (self.inner.unit_of_work.database(), &self.inner.sealer);
        let mut done = Reencrypted::default();
        let rows = database.read(|conn| secrets::all(conn).map_err(KeysError::from)).await?;
        for row in rows.into_iter().filter(|row| !sealer.is_current(&row.key_id)) {
            let Sealed { ciphertext, key_id } =
                encrypt_again(sealer, &row.name, &row.key_id, &row.ciphertext)?;
            let resealed = self.reseal(row.name.clone(), move |conn| {
                Ok(secrets::reseal(conn, &row.name, &row.key_id, &ciphertext, &key_id)?)
            });
            done.secrets += usize::from(resealed.await?);
        }
        for row in stored_keys(database).await? {
            if sealer.is_current(&row.key_id) {
                continue;
            }
            let kid = row.kid.clone();
            let Sealed { ciphertext, key_id } =
                encrypt_again(sealer, &row.kid, &row.key_id, &row.private_key)?;
            let resealed = self.reseal(kid.clone(), move |conn| {
                Ok(signing_keys::reseal(conn, &row.kid, &row.key_id, &ciphertext, &key_id)?)
            });
            if resealed.await? {
                done.signing_keys.push(kid);
            }
        }
        Ok(done)
    }

    /// Replaces one value, if it is still the one that was decrypted, and writes the audit event. Returns whether it
    /// was replaced.
    async fn reseal(
        &self,
        name: String,
        store: impl Fn(&mut DbConnection) -> Result<bool, KeysError> + Send + 'static,
    ) -> Result<bool, KeysError> {
        let event = KeyEvent::Resealed { name }.audit(&self.initiator);
        let resealed = self.inner.unit_of_work.commit(move |transaction| {
            let resealed = store(transaction.conn())?;
            if resealed {
                transaction.record(event.clone());
            }
            Ok::<_, KeysError>(resealed)
        });
        Ok(resealed.await?.value)
    }
}

fn encrypt_again(sealer: &Sealer, name: &str, key_id: &str, ciphertext: &[u8]) -> Result<Sealed, KeysError> {
    let plain = sealer.open(name, key_id, ciphertext)?;
    sealer.seal(name, &plain)
}

/// Reads every key of the set, oldest first. Reads from the primary, because a standby may lag.
pub async fn stored_keys(database: &Database) -> Result<Vec<SigningKeyRow>, KeysError> {
    database.snapshot(|conn| signing_keys::all(conn).map_err(KeysError::from)).await
}

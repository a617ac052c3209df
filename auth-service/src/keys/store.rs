//! The signing keys of this process, which are read from the database again and again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use shared_claims::verifier::KeySetHandle;

use super::loaded_keys::LoadedKeys;
use super::{KeyStoreSettings, KeysError, PublishedKeys, Rotation, Sealer, SigningKey, stored_keys};
use crate::domain::signing_key::KeyLifecycle;
use crate::single_flight::SingleFlight;
use crate::storage::{UnitOfWork, former_keys, signing_keys};

/// The oldest reading of the table that may be used to sign, in milliseconds. A process that was paused reads again
/// first.
const FRESH_MS: u64 = 1000;
/// How long a response with the key set waits for a fresh reading. After that the older key set is sent.
const PUBLISH_PATIENCE: Duration = Duration::from_millis(250);
/// How far the latest expiry of the active key is moved beyond the expiry of the current token, in seconds, so that
/// the next tokens need no further update.
const EXTENSION_S: i64 = 60;
/// How often signing is retried because the keys rotated in the meantime.
const TRIES: usize = 4;

/// Signs with the active key and publishes all keys. Cheap to clone.
#[derive(Clone)]
pub struct KeyStore {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    sealer: Arc<Sealer>,
    clock: SharedClock,
    rotation: Rotation,
    loaded: RwLock<Arc<LoadedKeys>>,
    /// When the current reading was begun, milliseconds on the boot clock.
    read_at_ms: AtomicU64,
    /// Whether the last reading failed or took longer than [`PUBLISH_PATIENCE`].
    is_failing: AtomicBool,
    /// Only one reading runs at a time, and it serves every request that waits.
    reading: SingleFlight,
    handle: KeySetHandle,
}

impl KeyStore {
    /// Reads the keys, and at the first start generates one. Replicas that start at the same time agree on one key:
    /// each may generate one, but only the first to hold the lock stores its key.
    pub async fn open(
        unit_of_work: UnitOfWork,
        sealer: Sealer,
        settings: KeyStoreSettings,
    ) -> Result<Self, KeysError> {
        let sealer = Arc::new(sealer);
        let (database, clock) = (unit_of_work.database().clone(), Arc::clone(unit_of_work.clock()));
        let rotation = Rotation::new(unit_of_work, Arc::clone(&sealer), settings);
        rotation.apply_due_steps().await?;
        let read_at_ms = clock.boot_ms();
        let rows = stored_keys(&database).await?;
        let loaded = LoadedKeys::read(&rows, &sealer, None)?;
        // Opens the key once more to get the full error, because it stops the start.
        if let Some(active) = rows.iter().find(|row| row.kid == loaded.active().kid) {
            SigningKey::open(active, &sealer)?;
        }
        let handle = KeySetHandle::new();
        handle.set(LoadedKeys::public(&rows));
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                sealer,
                clock,
                rotation,
                loaded: RwLock::new(Arc::new(loaded)),
                read_at_ms: AtomicU64::new(read_at_ms),
                is_failing: AtomicBool::new(false),
                reading: SingleFlight::default(),
                handle,
            }),
        })
    }

    /// Reads the table again, to see changes by other processes, and carries out every step that is due.
    pub async fn refresh(&self) -> Result<(), KeysError> {
        self.read_since(self.inner.clock.boot_ms()).await?;
        if self.inner.rotation.is_due(&self.loaded().lifecycles) {
            self.inner.rotation.apply_due_steps().await?;
            self.read_since(self.inner.clock.boot_ms()).await?;
        }
        Ok(())
    }

    /// Finds the modulus and the exponent of a key that has left the key set. For hints only: such a key signs nothing that
    /// is valid. `kid` may be any text.
    pub async fn find_former(&self, kid: &str) -> Result<Option<(String, String)>, DatabaseError> {
        // A thumbprint (RFC 7638) is 43 characters of base64url.
        let is_thumbprint = kid.len() == 43
            && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !is_thumbprint {
            return Ok(None);
        }
        let kid = kid.to_owned();
        self.inner.database.read(move |conn| former_keys::find(conn, &kid)).await
    }

    /// Ensures a reading that was begun after `since_ms` on the boot clock. A reading of another task counts as well.
    async fn read_since(&self, since_ms: u64) -> Result<(), KeysError> {
        let _turn = self.inner.reading.turn().await?;
        if self.inner.read_at_ms.load(Ordering::Acquire) > since_ms { Ok(()) } else { self.read().await }
    }

    /// Reads the keys. The caller holds the turn of `reading`.
    async fn read(&self) -> Result<(), KeysError> {
        let outcome = self.inner.reading.run(self.try_read(), database_error).await;
        self.inner.is_failing.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    async fn try_read(&self) -> Result<(), KeysError> {
        let inner = &self.inner;
        let read_at_ms = inner.clock.boot_ms();
        let rows = stored_keys(&inner.database).await?;
        let before = self.loaded();
        if !before.is_reading_of(&rows) {
            // The key set is published first, because the next step may fail.
            inner.handle.set(LoadedKeys::public(&rows));
            let loaded = LoadedKeys::read(&rows, &inner.sealer, Some(&before))?;
            tracing::info!(keys = rows.len(), active = loaded.active().kid, "keys.changed");
            *inner.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        }
        inner.read_at_ms.store(read_at_ms, Ordering::Release);
        Ok(())
    }

    /// Reads again if the last reading is too old to be used to sign.
    async fn fresh(&self) -> Result<(), KeysError> {
        let now_ms = self.inner.clock.boot_ms();
        if self.is_fresh_at(now_ms) { Ok(()) } else { self.read_since(now_ms).await }
    }

    fn is_fresh_at(&self, boot_ms: u64) -> bool {
        self.age_at(boot_ms) <= FRESH_MS
    }

    fn age_at(&self, boot_ms: u64) -> u64 {
        boot_ms.saturating_sub(self.inner.read_at_ms.load(Ordering::Acquire))
    }

    fn loaded(&self) -> Arc<LoadedKeys> {
        Arc::clone(&self.inner.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs a token with these claims, which expires at `expires_at_s`, with the active key.
    ///
    /// Before a token is signed, its expiry is noted with the key in the database. So the key stays published until
    /// then, even if it is retired or this process is paused in the meantime.
    pub async fn sign(&self, claims: &impl Serialize, expires_at_s: i64) -> Result<String, KeysError> {
        self.loaded_until(expires_at_s).await?.signer()?.sign(claims)
    }

    /// Signs another kind of JWT, which can be verified until `until_s` at least.
    pub async fn sign_as(
        &self,
        typ: &str,
        claims: &impl Serialize,
        until_s: i64,
    ) -> Result<String, KeysError> {
        self.loaded_until(until_s).await?.signer()?.sign_as(typ, claims)
    }

    /// Returns a fresh reading whose active key stays published until `until_s` at least.
    async fn loaded_until(&self, until_s: i64) -> Result<Arc<LoadedKeys>, KeysError> {
        self.fresh().await?;
        for _ in 0..TRIES {
            let loaded = self.loaded();
            if until_s <= loaded.tokens_end_by_s() {
                return Ok(loaded);
            }
            self.extend(&loaded, until_s).await?;
        }
        Err(KeysError::RotatedWhileSigning)
    }

    /// Raises the latest expiry of the active key, or finds that another key has become active.
    async fn extend(&self, loaded: &LoadedKeys, expires_at_s: i64) -> Result<(), KeysError> {
        let _turn = self.inner.reading.turn().await?;
        if self.loaded().tokens_end_by_s() >= expires_at_s {
            return Ok(());
        }
        let (kid, until_s) = (loaded.active().kid.clone(), expires_at_s.saturating_add(EXTENSION_S));
        let extended = self
            .inner
            .database
            .write(move |conn| signing_keys::extend(conn, &kid, until_s).map_err(KeysError::from));
        self.inner.reading.run(extended, database_error).await?;
        self.read().await
    }

    /// The keys of the last reading.
    pub fn lifecycles(&self) -> Vec<KeyLifecycle> {
        self.loaded().lifecycles.clone()
    }

    /// The id of the active key.
    pub fn active_kid(&self) -> String {
        self.loaded().active().kid.clone()
    }

    /// Whether the active key could be decrypted.
    pub fn can_sign(&self) -> bool {
        self.loaded().signer().is_ok()
    }

    /// The age of the last reading of the table, in milliseconds.
    pub fn age_ms(&self) -> u64 {
        self.age_at(self.inner.clock.boot_ms())
    }

    /// The key set as it is sent. If the last reading is too old, for example after a pause of this process, it is
    /// read again first. While the table cannot be read, the last known key set is returned without waiting.
    pub async fn published(&self) -> Arc<PublishedKeys> {
        let is_failing = &self.inner.is_failing;
        // Nearly always the reading is fresh. Then no timer is made.
        if !self.is_fresh_at(self.inner.clock.boot_ms())
            && !is_failing.load(Ordering::Relaxed)
            && tokio::time::timeout(PUBLISH_PATIENCE, self.fresh()).await.is_err()
        {
            is_failing.store(true, Ordering::Relaxed);
        }
        Arc::clone(&self.loaded().published)
    }

    /// The public keys, for this service's own verifier.
    pub fn handle(&self) -> KeySetHandle {
        self.inner.handle.clone()
    }

    /// The use cases for changing the keys.
    pub fn rotation(&self) -> &Rotation {
        &self.inner.rotation
    }
}

fn database_error(error: &KeysError) -> Option<&DatabaseError> {
    if let KeysError::Database(error) = error { Some(error) } else { None }
}

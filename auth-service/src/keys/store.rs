//! The signing keys of this process, read from the database and read again.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use shared_claims::verifier::KeySetHandle;

use super::generate::{Generated, generate};
use super::ring::{ACTIVE, Ring};
use super::{KeysError, PublishedKeys, Sealer, provider};
use crate::random::Random;
use crate::storage::signing_keys::SigningKeyRow;
use crate::storage::{meta, signing_keys};

/// What a new key is like.
#[derive(Clone, Copy, Debug)]
pub struct KeyStoreSettings {
    /// The modulus' length.
    pub rsa_bits: usize,
}

/// Signs with the active key, and publishes all. Cheap to clone.
#[derive(Clone)]
pub struct KeyStore {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    sealer: Sealer,
    ring: RwLock<Arc<Ring>>,
    handle: KeySetHandle,
}

impl KeyStore {
    /// Reads the keys; at the first start makes one. Replicas that start together agree on one: all may generate, the
    /// first to hold the lock stores its own.
    pub async fn open(
        database: Database,
        sealer: Sealer,
        random: &Random,
        clock: &SharedClock,
        settings: KeyStoreSettings,
    ) -> Result<Self, KeysError> {
        provider::install();
        let mut rows = database.read(|conn| signing_keys::all(conn).map_err(KeysError::from)).await?;
        if rows.is_empty() {
            let random = random.clone();
            let made = tokio::task::spawn_blocking(move || generate(settings.rsa_bits, &random)).await;
            let made = made.unwrap_or_else(|_| Err(KeysError::Generate("panicked".to_owned())))?;
            let row = first_row(&made, &sealer, clock.now_ms())?;
            rows = database
                .write(move |conn| {
                    meta::lock(conn)?;
                    let rows = signing_keys::all(conn)?;
                    if !rows.is_empty() {
                        return Ok(rows);
                    }
                    signing_keys::insert(conn, &row)?;
                    tracing::info!(kid = row.kid, bits = settings.rsa_bits, "keys.generated");
                    Ok::<_, KeysError>(vec![row])
                })
                .await?;
        }
        let ring = Ring::read(&rows, &sealer, None)?;
        let handle = KeySetHandle::new();
        handle.set(Ring::public(&rows));
        Ok(Self { inner: Arc::new(Inner { database, sealer, ring: RwLock::new(Arc::new(ring)), handle }) })
    }

    /// Reads the table again, so that another replica's rotation is noticed.
    pub async fn refresh(&self) -> Result<(), KeysError> {
        let rows = self.inner.database.read(|conn| signing_keys::all(conn).map_err(KeysError::from)).await?;
        let before = self.ring();
        if before.is_of(&rows) {
            return Ok(());
        }
        let ring = Ring::read(&rows, &self.inner.sealer, Some(&before))?;
        self.inner.handle.set(Ring::public(&rows));
        *self.inner.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        tracing::info!(keys = rows.len(), "keys.changed");
        Ok(())
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.inner.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// An access token with these claims, signed by the active key.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeysError> {
        self.ring().active().sign(claims)
    }

    /// The id of the key that signs.
    pub fn active_kid(&self) -> String {
        self.ring().active().kid().to_owned()
    }

    /// The key set as it is served.
    pub fn published(&self) -> Arc<PublishedKeys> {
        Arc::clone(&self.ring().published)
    }

    /// The public halves, for our own verifier.
    pub fn handle(&self) -> KeySetHandle {
        self.inner.handle.clone()
    }
}

fn first_row(made: &Generated, sealer: &Sealer, now_ms: i64) -> Result<SigningKeyRow, KeysError> {
    Ok(SigningKeyRow {
        kid: made.kid.clone(),
        state: ACTIVE.to_owned(),
        algorithm: "RS256".to_owned(),
        modulus: made.modulus.clone(),
        exponent: made.exponent.clone(),
        private_key: sealer.seal(&made.kid, &made.pkcs8)?,
        key_id: sealer.key_id().to_owned(),
        created_at_ms: now_ms,
        activates_at_ms: now_ms,
        retires_at_ms: None,
    })
}

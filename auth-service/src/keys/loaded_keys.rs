//! The signing keys as they were read last: the active one signs, all are published.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shared_claims::verifier::{KeySet, PublicKey};

use super::{KeysError, PublishedKeys, Sealer, SigningKey};
use crate::domain::signing_key::{KeyLifecycle, KeyState};
use crate::storage::signing_keys::SigningKeyRow;

/// One reading of the table `signing_keys`.
pub(super) struct LoadedKeys {
    /// The keys whose state this version knows.
    pub(super) lifecycles: Vec<KeyLifecycle>,
    /// The ids of all keys, in the order of the table.
    kids: Vec<String>,
    keys: HashMap<String, Arc<SigningKey>>,
    active: KeyLifecycle,
    /// The latest expiry that tokens of the active key may have, seconds since the Unix epoch. It is updated in
    /// place.
    tokens_end_by_s: AtomicI64,
    pub(super) published: Arc<PublishedKeys>,
}

impl LoadedKeys {
    /// Decrypts the keys; keys that `before` has decrypted already are reused. A key that cannot be decrypted is
    /// published anyway, because other replicas may sign with it.
    pub(super) fn read(
        rows: &[SigningKeyRow],
        sealer: &Sealer,
        before: Option<&Self>,
    ) -> Result<Self, KeysError> {
        let mut keys = HashMap::new();
        for row in rows {
            let known = before.and_then(|before| before.keys.get(&row.kid)).cloned();
            let key = known.map_or_else(|| SigningKey::open(row, sealer).map(Arc::new), Ok);
            match key {
                Ok(key) => drop(keys.insert(row.kid.clone(), key)),
                Err(error) => tracing::error!(kid = row.kid, %error, "keys.unusable"),
            }
        }
        for row in rows {
            // A key in a state that only a newer version knows. It stays published, and other keys can still sign.
            if let Err(error) = row.lifecycle() {
                tracing::error!(kid = row.kid, %error, "keys.unreadable: the key has a state that this version does not know; a newer version changes it");
            }
        }
        let lifecycles = known_lifecycles(rows);
        let active = lifecycles.iter().find(|key| key.state == KeyState::Active).cloned();
        let active =
            active.ok_or_else(|| KeysError::Damaged("set of signing keys (none is active)".to_owned()))?;
        let tokens_end_by_s = AtomicI64::new(active.tokens_end_by_s);
        let kids = rows.iter().map(|row| row.kid.clone()).collect();
        Ok(Self {
            lifecycles,
            kids,
            keys,
            active,
            tokens_end_by_s,
            published: Arc::new(PublishedKeys::of(rows)),
        })
    }

    /// Whether these rows are the same as those of this reading, except for the expiry of tokens, which is taken over.
    pub(super) fn is_reading_of(&self, rows: &[SigningKeyRow]) -> bool {
        let mut lifecycles = known_lifecycles(rows);
        if let Some(active) = lifecycles.iter().find(|key| key.kid == self.active.kid) {
            self.tokens_end_by_s.fetch_max(active.tokens_end_by_s, Ordering::Relaxed);
        }
        for (key, known) in lifecycles.iter_mut().zip(&self.lifecycles) {
            key.tokens_end_by_s = known.tokens_end_by_s;
        }
        lifecycles == self.lifecycles && self.kids.iter().eq(rows.iter().map(|row| &row.kid))
    }

    /// The active key.
    pub(super) fn active(&self) -> &KeyLifecycle {
        &self.active
    }

    /// The latest expiry that tokens of the active key may have, seconds since the Unix epoch.
    pub(super) fn tokens_end_by_s(&self) -> i64 {
        self.tokens_end_by_s.load(Ordering::Relaxed)
    }

    /// The decrypted active key.
    pub(super) fn signer(&self) -> Result<&SigningKey, KeysError> {
        let key = self.keys.get(&self.active.kid);
        key.map(AsRef::as_ref).ok_or_else(|| KeysError::Unusable(self.active.kid.clone()))
    }

    /// The public keys, for this service's own verifier.
    pub(super) fn public(rows: &[SigningKeyRow]) -> KeySet {
        let keys = rows.iter().filter_map(|row| {
            PublicKey::from_base64url(&row.kid, &row.modulus, &row.exponent)
                .inspect_err(|error| tracing::error!(kid = row.kid, %error, "keys.unusable"))
                .ok()
        });
        KeySet::from_keys(keys)
    }
}

/// The keys whose state this version knows. Changing keys is stricter: nothing is changed while any state is unknown.
fn known_lifecycles(rows: &[SigningKeyRow]) -> Vec<KeyLifecycle> {
    rows.iter().filter_map(|row| row.lifecycle().ok()).collect()
}

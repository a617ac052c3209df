//! The keys as they stand: one signs, all are published.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shared_claims::verifier::{KeySet, PublicKey};

use super::{KeysError, PublishedKeys, Sealer, SigningKey};
use crate::domain::signing_key::{KeyLife, KeyState};
use crate::storage::signing_keys::SigningKeyRow;

/// One reading of the table.
pub(super) struct Ring {
    /// The keys whose state is known here.
    pub(super) lives: Vec<KeyLife>,
    /// Every key, in the order of the table.
    kids: Vec<String>,
    keys: HashMap<String, Arc<SigningKey>>,
    active: KeyLife,
    /// Up to when tokens of the active key may end; it grows without the ring being another.
    tokens_end_by_s: AtomicI64,
    pub(super) published: Arc<PublishedKeys>,
}

impl Ring {
    /// Opens what is there; keys that `before` opened already are taken over. A key that cannot be opened is published
    /// all the same: others sign with it.
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
            // One that a newer replica knows what to do with: it stays published, and keeps no other from signing.
            if let Err(error) = row.life() {
                tracing::error!(kid = row.kid, %error, "keys.unreadable: its state is left to others");
            }
        }
        let lives = lives_of(rows);
        let active = lives.iter().find(|life| life.state == KeyState::Active).cloned();
        let active =
            active.ok_or_else(|| KeysError::Damaged("set of signing keys (none is active)".to_owned()))?;
        let tokens_end_by_s = AtomicI64::new(active.tokens_end_by_s);
        let kids = rows.iter().map(|row| row.kid.clone()).collect();
        Ok(Self { lives, kids, keys, active, tokens_end_by_s, published: Arc::new(PublishedKeys::of(rows)) })
    }

    /// Whether these rows say the same, but for when tokens end, which is taken over.
    pub(super) fn is_of(&self, rows: &[SigningKeyRow]) -> bool {
        let mut lives = lives_of(rows);
        if let Some(active) = lives.iter().find(|life| life.kid == self.active.kid) {
            self.tokens_end_by_s.fetch_max(active.tokens_end_by_s, Ordering::Relaxed);
        }
        for (life, known) in lives.iter_mut().zip(&self.lives) {
            life.tokens_end_by_s = known.tokens_end_by_s;
        }
        lives == self.lives && self.kids.iter().eq(rows.iter().map(|row| &row.kid))
    }

    /// The key that signs.
    pub(super) fn active(&self) -> &KeyLife {
        &self.active
    }

    /// Up to when tokens of the active key may end, seconds since the Unix epoch.
    pub(super) fn tokens_end_by_s(&self) -> i64 {
        self.tokens_end_by_s.load(Ordering::Relaxed)
    }

    /// The key that signs, opened.
    pub(super) fn signer(&self) -> Result<&SigningKey, KeysError> {
        let key = self.keys.get(&self.active.kid);
        key.map(AsRef::as_ref).ok_or_else(|| KeysError::Unusable(self.active.kid.clone()))
    }

    /// The public halves, for our own verifier.
    pub(super) fn public(rows: &[SigningKeyRow]) -> KeySet {
        let keys = rows.iter().filter_map(|row| {
            PublicKey::from_base64url(&row.kid, &row.modulus, &row.exponent)
                .inspect_err(|error| tracing::error!(kid = row.kid, %error, "keys.unusable"))
                .ok()
        });
        KeySet::from_keys(keys)
    }
}

/// Of those whose state is known here. Whoever changes the keys is stricter: it changes nothing that it does not know.
fn lives_of(rows: &[SigningKeyRow]) -> Vec<KeyLife> {
    rows.iter().filter_map(|row| row.life().ok()).collect()
}

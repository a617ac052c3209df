//! The keys as they stand: one signs, all are published.

use std::collections::HashMap;
use std::sync::Arc;

use shared_claims::verifier::{KeySet, PublicKey};

use super::{KeysError, PublishedKeys, Sealer, SigningKey};
use crate::storage::signing_keys::SigningKeyRow;

/// In this state a key signs.
pub(super) const ACTIVE: &str = "active";

/// One reading of the table.
pub(super) struct Ring {
    rows: Vec<(String, String, i64)>,
    keys: HashMap<String, Arc<SigningKey>>,
    active: Arc<SigningKey>,
    pub(super) published: Arc<PublishedKeys>,
}

/// What of a row decides on what is done with the key.
fn essence(rows: &[SigningKeyRow]) -> Vec<(String, String, i64)> {
    rows.iter().map(|row| (row.kid.clone(), row.state.clone(), row.activates_at_ms)).collect()
}

impl Ring {
    /// Opens what is there; keys that `before` opened already are taken over.
    pub(super) fn read(
        rows: &[SigningKeyRow],
        sealer: &Sealer,
        before: Option<&Self>,
    ) -> Result<Self, KeysError> {
        let mut keys = HashMap::new();
        for row in rows {
            let known = before.and_then(|before| before.keys.get(&row.kid)).cloned();
            let key = match known {
                Some(key) => key,
                None => Arc::new(SigningKey::open(row, sealer)?),
            };
            keys.insert(row.kid.clone(), key);
        }
        // Of several active ones the youngest.
        let active = rows.iter().rev().find(|row| row.state == ACTIVE);
        let active = active.and_then(|row| keys.get(&row.kid)).cloned();
        let active =
            active.ok_or_else(|| KeysError::Damaged("set of signing keys (none is active)".to_owned()))?;
        Ok(Self { rows: essence(rows), keys, active, published: Arc::new(PublishedKeys::of(rows)) })
    }

    pub(super) fn is_of(&self, rows: &[SigningKeyRow]) -> bool {
        self.rows == essence(rows)
    }

    pub(super) fn active(&self) -> &SigningKey {
        &self.active
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

//! The settings under `keys.`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, Validate, in_range, trimmed};

use super::strength::is_varied;
use crate::keys::MasterKey;

/// The rule for an encryption key, as the error message has it.
const KEY: &str =
    "32 bytes as base64 or as 64 hexadecimal digits, or any other text of at least 32 characters";

/// The settings for signing keys and for the key that encrypts them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeySettings {
    /// Encrypts the private keys and secrets in the database: 32 bytes as base64 or as 64 hexadecimal digits, or any
    /// other text of at least 32 characters. If unset, the key is in the file `master_key_path`, which is created at
    /// the first start.
    pub encryption_key: Option<Secret>,
    /// Further keys that can decrypt what they encrypted: former keys until everything is encrypted anew, and the
    /// coming key before it becomes `encryption_key` on every replica.
    pub previous_encryption_keys: Vec<Secret>,
    /// The file with the encryption key if `encryption_key` is unset.
    pub master_key_path: PathBuf,
    /// The length of new RSA keys, in bits.
    pub rsa_bits: usize,
    /// How long verifiers may cache the key set.
    pub jwks_max_age_seconds: u32,
    /// The age at which the signing key is replaced; 0: only by an operator's command.
    pub rotate_after_days: u32,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            encryption_key: None,
            previous_encryption_keys: Vec::new(),
            master_key_path: "data/master.key".into(),
            rsa_bits: 2048,
            jwks_max_age_seconds: 300,
            rotate_after_days: 30,
        }
    }
}

impl Validate for KeySettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let is_bad = |key: &Secret| MasterKey::parse(key.expose()).is_err();
        if self.encryption_key.as_ref().is_some_and(is_bad) {
            return Err(InvalidSetting::new("encryption_key", KEY));
        }
        // A weak key that was used in the past is still allowed as one of `previous_encryption_keys`.
        if self.encryption_key.as_ref().is_some_and(|key| !is_varied(trimmed(key.expose()))) {
            let allowed = "a random key, not a few characters over and over (openssl rand -hex 32); name the one that was \
                           used before in keys.previous_encryption_keys";
            return Err(InvalidSetting::new("encryption_key", allowed));
        }
        if self.previous_encryption_keys.iter().any(is_bad) {
            return Err(InvalidSetting::new(
                "previous_encryption_keys",
                format!("a list of keys, each {KEY}"),
            ));
        }
        if !matches!(self.rsa_bits, 2048 | 3072 | 4096) {
            return Err(InvalidSetting::new("rsa_bits", "2048, 3072 or 4096"));
        }
        in_range("jwks_max_age_seconds", self.jwks_max_age_seconds, 1..=86_400)?;
        in_range("rotate_after_days", self.rotate_after_days, 0..=3650)?;
        // A new key is published for twice the max-age before it signs.
        if self.rotate_after_days > 0 && self.rotate_after_days * 86_400 <= 2 * self.jwks_max_age_seconds {
            return Err(InvalidSetting::new(
                "rotate_after_days",
                "more than twice jwks_max_age_seconds, or 0",
            ));
        }
        Ok(())
    }
}

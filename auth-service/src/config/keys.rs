//! The settings under `keys.`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, Validate, in_range};

use crate::keys::MasterKey;

/// How keys are made, kept and published.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeySettings {
    /// Seals the private keys and secrets in the database: 32 bytes as base64 or as 64 hexadecimal digits, or any other
    /// text of at least 32 characters. Unset: the file below, made at the first start.
    pub encryption_key: Option<Secret>,
    /// The file that holds the key where `encryption_key` is unset.
    pub master_key_path: PathBuf,
    /// The length of new RSA keys.
    pub rsa_bits: usize,
    /// For how long verifiers may keep the key set before they read it again.
    pub jwks_max_age_seconds: u32,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            encryption_key: None,
            master_key_path: "data/master.key".into(),
            rsa_bits: 2048,
            jwks_max_age_seconds: 300,
        }
    }
}

impl Validate for KeySettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        if self.encryption_key.as_ref().is_some_and(|key| MasterKey::parse(key.expose()).is_err()) {
            return Err(InvalidSetting::new(
                "encryption_key",
                "32 bytes as base64 or as 64 hexadecimal digits, or any other text of at least 32 characters",
            ));
        }
        if !matches!(self.rsa_bits, 2048 | 3072 | 4096) {
            return Err(InvalidSetting::new("rsa_bits", "2048, 3072 or 4096"));
        }
        in_range("jwks_max_age_seconds", self.jwks_max_age_seconds, 1..=86_400)
    }
}

//! The settings under `passwords.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// Password rules and hashing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordSettings {
    /// The fewest characters of a new password.
    pub min_length: usize,
    /// The most characters of a new password.
    pub max_length: usize,
    /// bcrypt's cost: the binary logarithm of its rounds. A cost below 10 is for tests only.
    pub bcrypt_cost: u32,
    /// The number of hashes computed at the same time; 0: one per core.
    pub workers: usize,
    /// The number of logins that may wait for a hash. Further ones are refused.
    pub queue_limit: usize,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { min_length: 12, max_length: 256, bcrypt_cost: 12, workers: 0, queue_limit: 64 }
    }
}

impl Validate for PasswordSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("min_length", self.min_length, 1..=64)?;
        in_range("max_length", self.max_length, 64..=4096)?;
        in_range("bcrypt_cost", self.bcrypt_cost, 4..=15)?;
        in_range("workers", self.workers, 0..=1024)?;
        in_range("queue_limit", self.queue_limit, 1..=100_000)
    }
}

//! The settings under `passwords.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// Which passwords are taken, and how they are hashed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordSettings {
    /// The fewest characters of a new password.
    pub min_length: usize,
    /// The most characters of a new password.
    pub max_length: usize,
    /// bcrypt's cost: the binary logarithm of its rounds. Below 10 for tests alone.
    pub bcrypt_cost: u32,
    /// Hashes computed at once; 0 for one per core.
    pub workers: usize,
    /// Logins that wait for a hash before more are refused.
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

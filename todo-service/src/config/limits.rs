//! The settings under `limits.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// What a user may use up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// How many todos a user may have; 0: as many as they like.
    pub todos_per_user: u32,
    /// How many bytes their titles and descriptions may have together; 0: any number.
    pub bytes_per_user: u64,
}

/// Less than this, and a user could not have one todo of the largest size.
const LEAST_BYTES: u64 = 64 * 1024;
/// More than anybody has.
const MOST_BYTES: u64 = 1 << 40;

impl Default for LimitSettings {
    fn default() -> Self {
        Self { todos_per_user: 10_000, bytes_per_user: 16 * 1024 * 1024 }
    }
}

impl Validate for LimitSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("todos_per_user", self.todos_per_user, 0..=10_000_000)?;
        match self.bytes_per_user {
            0 | LEAST_BYTES..=MOST_BYTES => Ok(()),
            _ => Err(InvalidSetting::new(
                "bytes_per_user",
                format!("0, or from {LEAST_BYTES} to {MOST_BYTES}"),
            )),
        }
    }
}

//! The settings under `limits.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// The limits for each user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// The greatest number of todos; 0 for no limit.
    pub todos_per_user: u32,
    /// The greatest number of bytes of all titles and descriptions together; 0 for no limit.
    pub bytes_per_user: u64,
}

/// The least value of `bytes_per_user`: below it, a user could not store one todo of the largest size.
const LEAST_BYTES: u64 = 64 * 1024;
/// The greatest value of `bytes_per_user`: more than any user needs.
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

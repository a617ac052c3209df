//! The settings under `limits.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// What a user may use up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// How many todos a user may have; 0: as many as they like.
    pub todos_per_user: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { todos_per_user: 10_000 }
    }
}

impl Validate for LimitSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("todos_per_user", self.todos_per_user, 0..=10_000_000)
    }
}

//! The settings under `sessions.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// How long logins last.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// The absolute end of a session, whatever is refreshed.
    pub max_age_seconds: i64,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { max_age_seconds: 7_776_000 }
    }
}

impl Validate for SessionSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("max_age_seconds", self.max_age_seconds, 1..=315_360_000)
    }
}

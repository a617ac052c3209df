//! The settings under `throttle.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// How often callers may do what costs us something.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleSettings {
    /// Whether anything below is limited.
    pub enabled: bool,
    /// Refreshes of one session, repeated ones included.
    pub refreshes_per_session_per_minute: u32,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self { enabled: true, refreshes_per_session_per_minute: 30 }
    }
}

impl Validate for ThrottleSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range(
            "refreshes_per_session_per_minute",
            i64::from(self.refreshes_per_session_per_minute),
            1..=1_000_000,
        )
    }
}

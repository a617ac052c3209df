//! The settings under `throttle.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// Rate limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleSettings {
    /// Whether the limits below apply.
    pub enabled: bool,
    /// The most refreshes of one session per minute, including repeated ones.
    pub refreshes_per_session_per_minute: u32,
    /// The most revocations per minute and replica of tokens that one client got in its own name.
    pub revocations_per_client_per_minute: u32,
    /// The most authorization codes redeemed per minute for one user.
    pub codes_per_user_per_minute: u32,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            refreshes_per_session_per_minute: 30,
            revocations_per_client_per_minute: 1000,
            codes_per_user_per_minute: 60,
        }
    }
}

impl Validate for ThrottleSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        for (name, limit) in [
            ("refreshes_per_session_per_minute", self.refreshes_per_session_per_minute),
            ("revocations_per_client_per_minute", self.revocations_per_client_per_minute),
            ("codes_per_user_per_minute", self.codes_per_user_per_minute),
        ] {
            in_range(name, i64::from(limit), 1..=1_000_000)?;
        }
        Ok(())
    }
}

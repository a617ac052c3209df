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
    /// Revocations of tokens that one client got in its own name, at each replica.
    pub revocations_per_client_per_minute: u32,
    /// Authorization codes redeemed for one user.
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

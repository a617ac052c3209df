//! The settings under `audit.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// The settings for audit events.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// How many days an event is kept; 0: for ever.
    pub retention_days: u32,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { retention_days: 365 }
    }
}

impl Validate for AuditSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("retention_days", self.retention_days, 0..=36_500)
    }
}

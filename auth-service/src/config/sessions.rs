//! The settings under `sessions.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};

/// The lifetime and the number of sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// The maximum age of a session, in seconds. Refreshes do not prolong it.
    pub max_age_seconds: i64,
    /// How long a session may be unused before it ends, in seconds; 0: as long as its refresh token lives.
    pub idle_seconds: i64,
    /// The number of sessions a user may have. A further login ends the session that was unused for longest. 0: no
    /// limit.
    pub max_per_user: u32,
    /// How long a sign-in on the hosted pages may be unused before it ends, in seconds.
    pub browser_idle_seconds: i64,
    /// The maximum age of a sign-in on the hosted pages, in seconds.
    pub browser_max_age_seconds: i64,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            max_age_seconds: 7_776_000,
            idle_seconds: 0,
            max_per_user: 100,
            browser_idle_seconds: 1_209_600,
            browser_max_age_seconds: 2_592_000,
        }
    }
}

impl Validate for SessionSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("max_age_seconds", self.max_age_seconds, 1..=315_360_000)?;
        in_range("idle_seconds", self.idle_seconds, 0..=315_360_000)?;
        in_range("browser_idle_seconds", self.browser_idle_seconds, 60..=315_360_000)?;
        in_range("browser_max_age_seconds", self.browser_max_age_seconds, 60..=315_360_000)?;
        in_range("max_per_user", i64::from(self.max_per_user), 0..=1_000_000)
    }
}

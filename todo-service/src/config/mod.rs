//! The settings. `startup` converts them into the settings of the components.

mod auth;
mod revocation;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};
use service_kit::database::DatabaseSettings;
use service_kit::http::{CookieRules, CookieSettings, HttpSettings, is_base_path};
use service_kit::metrics::MetricsSettings;
use service_kit::telemetry::LogSettings;

pub use auth::AuthSettings;
pub use revocation::{OnOutage, RevocationMode, RevocationSettings};

/// The prefix of the environment variables.
pub const PREFIX: &str = "TODO";

/// All settings of the todo-service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The path under which callers reach this service behind a proxy, for example `/api`. Empty for none.
    pub base_path: String,
    /// The listener and HTTP limits.
    pub http: HttpSettings,
    /// The names of the cookies.
    pub cookies: CookieSettings,
    /// Which tokens are accepted.
    pub auth: AuthSettings,
    /// How the service gets the revocation list.
    pub revocation: RevocationSettings,
    /// The database of the todos.
    pub database: DatabaseSettings,
    /// The limits for each user.
    pub limits: LimitSettings,
    /// The logging.
    pub log: LogSettings,
    /// The listener of `/metrics`.
    pub metrics: MetricsSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_path: String::new(),
            http: HttpSettings::at(([127, 0, 0, 1], 8001).into()),
            cookies: CookieSettings::default(),
            auth: AuthSettings::default(),
            revocation: RevocationSettings::default(),
            database: DatabaseSettings::at("sqlite://data/todo.db"),
            limits: LimitSettings::default(),
            log: LogSettings::default(),
            metrics: MetricsSettings::default(),
        }
    }
}

impl Settings {
    /// The rules for the name of the cookie with the access token.
    pub fn cookie_rules(&self) -> CookieRules {
        self.cookies.rules(&self.auth.issuer)
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        if !is_base_path(&self.base_path) {
            let allowed = "a path in its normal form, without a slash at its end, like /api; or empty";
            return Err(InvalidSetting::new("base_path", allowed));
        }
        self.http.validate().map_err(|invalid| invalid.under("http"))?;
        self.cookies.validate().map_err(|invalid| invalid.under("cookies"))?;
        self.auth.validate().map_err(|invalid| invalid.under("auth"))?;
        self.revocation.validate().map_err(|invalid| invalid.under("revocation"))?;
        self.database.validate().map_err(|invalid| invalid.under("database"))?;
        self.limits.validate().map_err(|invalid| invalid.under("limits"))?;
        self.log.validate().map_err(|invalid| invalid.under("log"))?;
        self.metrics.validate().map_err(|invalid| invalid.under("metrics"))
    }
}

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

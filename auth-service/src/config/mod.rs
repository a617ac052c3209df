//! The settings, as they are written: one struct a file. `startup` turns them into what the parts take.

mod audit;
mod clients;
mod cookie_size;
mod issuer;
mod keys;
mod passwords;
mod revocation;
mod sessions;
mod strength;
mod throttle;
mod tokens;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate};
use service_kit::database::DatabaseSettings;
use service_kit::http::{CookieRules, CookieSettings, HttpSettings};
use service_kit::metrics::MetricsSettings;
use service_kit::telemetry::LogSettings;

use crate::revocation::feed::LONGEST_WAIT;

pub use audit::AuditSettings;
pub use clients::DeclaredClient;
pub(crate) use clients::read as read_clients;
pub use keys::KeySettings;
pub use passwords::PasswordSettings;
pub use revocation::RevocationSettings;
pub use sessions::SessionSettings;
pub use throttle::ThrottleSettings;
pub use tokens::TokenSettings;

/// What the environment variables begin with.
pub const PREFIX: &str = "AUTH";

/// All settings of the auth-service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What tokens carry as `iss`: the URL that this service is reached at, without a slash at its end.
    pub issuer: String,
    /// How it listens.
    pub http: HttpSettings,
    /// How cookies are set.
    pub cookies: CookieSettings,
    /// Where the truth is.
    pub database: DatabaseSettings,
    /// How revocations are carried to verifiers.
    pub revocation: RevocationSettings,
    /// How tokens are made.
    pub tokens: TokenSettings,
    /// How long logins last.
    pub sessions: SessionSettings,
    /// How often callers may do what costs us something.
    pub throttle: ThrottleSettings,
    /// Which passwords are taken, and how they are hashed.
    pub passwords: PasswordSettings,
    /// How keys are made and kept.
    pub keys: KeySettings,
    /// How long events are on record.
    pub audit: AuditSettings,
    /// OAuth clients that are to be there.
    pub clients: Vec<DeclaredClient>,
    /// How it logs.
    pub log: LogSettings,
    /// Where `/metrics` is.
    pub metrics: MetricsSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer: "http://localhost:8000".to_owned(),
            http: HttpSettings::at(([127, 0, 0, 1], 8000).into()),
            cookies: CookieSettings::default(),
            database: DatabaseSettings::at("sqlite://data/auth.db"),
            revocation: RevocationSettings::default(),
            tokens: TokenSettings::default(),
            sessions: SessionSettings::default(),
            throttle: ThrottleSettings::default(),
            passwords: PasswordSettings::default(),
            keys: KeySettings::default(),
            audit: AuditSettings::default(),
            clients: Vec::new(),
            log: LogSettings::default(),
            metrics: MetricsSettings::default(),
        }
    }
}

impl Settings {
    /// The path that this service is reached below: that of the issuer.
    pub fn base_path(&self) -> &str {
        issuer::path(&self.issuer)
    }

    /// How cookies are named and set.
    pub fn cookie_rules(&self) -> CookieRules {
        self.cookies.rules(&self.issuer)
    }

    /// Whether passwords and tokens travel in the clear beyond this machine.
    pub fn is_exposed(&self) -> bool {
        issuer::is_exposed(&self.issuer)
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        issuer::check(&self.issuer)?;
        self.http.validate().map_err(|error| error.under("http"))?;
        if self.http.request_timeout_seconds <= LONGEST_WAIT.as_secs() {
            // Otherwise each follower of the feed would be answered 503 instead of "no news".
            let wanted = format!("more than {}, the longest wait of the feed", LONGEST_WAIT.as_secs());
            return Err(InvalidSetting::new("request_timeout_seconds", &wanted).under("http"));
        }
        self.cookies.validate().map_err(|error| error.under("cookies"))?;
        self.database.validate().map_err(|error| error.under("database"))?;
        self.revocation.validate().map_err(|error| error.under("revocation"))?;
        self.tokens.validate().map_err(|error| error.under("tokens"))?;
        self.sessions.validate().map_err(|error| error.under("sessions"))?;
        self.throttle.validate().map_err(|error| error.under("throttle"))?;
        self.passwords.validate().map_err(|error| error.under("passwords"))?;
        self.keys.validate().map_err(|error| error.under("keys"))?;
        self.audit.validate().map_err(|error| error.under("audit"))?;
        cookie_size::check(self)?;
        read_clients(&self.clients, &self.tokens.audience)?;
        self.log.validate().map_err(|error| error.under("log"))?;
        self.metrics.validate().map_err(|error| error.under("metrics"))
    }
}

//! The settings as they are written in the configuration, one struct per file. `startup` converts them to the
//! settings of the components.

mod audit;
mod backchannel;
mod claims;
mod clients;
mod issuer;
mod keys;
mod mail;
mod pages;
mod passwords;
mod registration;
mod revocation;
mod scopes;
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
pub use backchannel::BackchannelSettings;
pub use claims::ClaimSettings;
pub use clients::DeclaredClient;
pub(crate) use clients::read as read_clients;
pub use keys::KeySettings;
pub use mail::{MailSettings, MailTransport};
pub use pages::PageSettings;
pub use passwords::PasswordSettings;
pub use registration::{RegistrationMode, RegistrationSettings};
pub use revocation::RevocationSettings;
pub use scopes::DescribedScope;
pub use sessions::SessionSettings;
pub use throttle::ThrottleSettings;
pub use tokens::TokenSettings;

/// The prefix of the environment variables.
pub const PREFIX: &str = "AUTH";

/// All settings of the auth-service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The `iss` of tokens: the URL at which this service is reached, without a trailing slash.
    pub issuer: String,
    /// The HTTP server.
    pub http: HttpSettings,
    /// Cookies.
    pub cookies: CookieSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// The delivery of revocations to verifiers.
    pub revocation: RevocationSettings,
    /// Tokens.
    pub tokens: TokenSettings,
    /// Sessions.
    pub sessions: SessionSettings,
    /// Rate limits.
    pub throttle: ThrottleSettings,
    /// Password rules and hashing.
    pub passwords: PasswordSettings,
    /// Registration.
    pub registration: RegistrationSettings,
    /// Signing keys and the encryption key.
    pub keys: KeySettings,
    /// Audit events.
    pub audit: AuditSettings,
    /// Calls to addresses that clients chose.
    pub backchannel: BackchannelSettings,
    /// Mail.
    pub mail: MailSettings,
    /// The hosted pages.
    pub pages: PageSettings,
    /// Claims about people.
    pub claims: ClaimSettings,
    /// The titles and sentences that describe scopes on the consent page.
    pub scopes: Vec<DescribedScope>,
    /// Declared OAuth clients.
    pub clients: Vec<DeclaredClient>,
    /// The log.
    pub log: LogSettings,
    /// The metrics endpoint.
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
            registration: RegistrationSettings::default(),
            keys: KeySettings::default(),
            audit: AuditSettings::default(),
            backchannel: BackchannelSettings::default(),
            mail: MailSettings::default(),
            pages: PageSettings::default(),
            claims: ClaimSettings::default(),
            scopes: Vec::new(),
            clients: Vec::new(),
            log: LogSettings::default(),
            metrics: MetricsSettings::default(),
        }
    }
}

impl Settings {
    /// The path prefix under which this service is reached: the path of the issuer.
    pub fn base_path(&self) -> &str {
        issuer::path(&self.issuer)
    }

    /// The host and the port of the issuer, as the address bar shows them.
    pub fn issuer_host(&self) -> &str {
        issuer::host(&self.issuer)
    }

    /// The names and attributes of cookies.
    pub fn cookie_rules(&self) -> CookieRules {
        self.cookies.rules(&self.issuer)
    }

    /// Whether the issuer is reached on this machine only.
    pub fn is_local(&self) -> bool {
        issuer::is_local(&self.issuer)
    }

    /// How mails leave: as it is set, else as files where the issuer is local, and not at all elsewhere.
    pub fn mail_transport(&self) -> MailTransport {
        let by_issuer = if self.is_local() { MailTransport::Folder } else { MailTransport::None };
        self.mail.transport.unwrap_or(by_issuer)
    }

    /// Whether passwords and tokens leave this machine unencrypted.
    pub fn is_exposed(&self) -> bool {
        issuer::is_exposed(&self.issuer)
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        issuer::check(&self.issuer)?;
        self.http.validate().map_err(|error| error.under("http"))?;
        if self.http.request_timeout_seconds <= LONGEST_WAIT.as_secs() {
            // With a shorter timeout, every request that waits for news of the feed would end with 503 instead of an
            // empty page.
            let wanted = format!("more than {}, the longest wait of the feed", LONGEST_WAIT.as_secs());
            return Err(InvalidSetting::new("request_timeout_seconds", &wanted).under("http"));
        }
        self.cookies.validate().map_err(|error| error.under("cookies"))?;
        self.database.validate().map_err(|error| error.under("database"))?;
        self.revocation.validate().map_err(|error| error.under("revocation"))?;
        self.tokens.validate().map_err(|error| error.under("tokens"))?;
        self.sessions.validate().map_err(|error| error.under("sessions"))?;
        self.throttle.validate().map_err(|error| error.under("throttle"))?;
        self.throttle.check_redis(&self.revocation).map_err(|error| error.under("throttle"))?;
        self.passwords.validate().map_err(|error| error.under("passwords"))?;
        self.keys.validate().map_err(|error| error.under("keys"))?;
        if self.registration.require_verified_email && self.mail_transport() == MailTransport::None {
            let wanted = "false where mail.transport is none: nobody could verify an address";
            return Err(InvalidSetting::new("require_verified_email", wanted).under("registration"));
        }
        self.audit.validate().map_err(|error| error.under("audit"))?;
        self.mail.validate().map_err(|error| error.under("mail"))?;
        self.pages.validate().map_err(|error| error.under("pages"))?;
        scopes::check(&self.scopes)?;
        tokens::check_cookie_size(self)?;
        read_clients(&self.clients, &self.tokens.audience, self.is_local())?;
        self.log.validate().map_err(|error| error.under("log"))?;
        self.metrics.validate().map_err(|error| error.under("metrics"))
    }
}

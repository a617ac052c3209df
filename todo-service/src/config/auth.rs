//! The settings under `auth.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, UrlWithSecret, Validate, in_range};
use shared_claims::outbound::ProxyUrl;
use url::Url;

/// Whose tokens are taken, and for whom they must be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// The issuer, exactly as `iss` has it.
    pub issuer: String,
    /// What `aud` must hold.
    pub audience: String,
    /// Where the key set is; unset: found by discovery.
    pub jwks_url: Option<Url>,
    /// The proxy through which the issuer is asked for keys and feed; unset: none, whatever the environment says.
    pub proxy_url: Option<UrlWithSecret>,
    /// How long unknown key ids cause no further fetch after they caused one.
    pub jwks_cooldown_seconds: u64,
    /// How long the last good key set serves while the issuer is away.
    pub jwks_max_age_seconds: u64,
    /// What clocks may differ by.
    pub leeway_seconds: u64,
    /// How many tokens are remembered as well signed; 0: none.
    pub token_cache_entries: usize,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            issuer: "http://localhost:8000".to_owned(),
            audience: "todo-service".to_owned(),
            jwks_url: None,
            proxy_url: None,
            jwks_cooldown_seconds: 10,
            jwks_max_age_seconds: 86_400,
            leeway_seconds: 10,
            token_cache_entries: 50_000,
        }
    }
}

impl AuthSettings {
    /// A path of the issuer's: `/auth/token`.
    pub fn issuer_path(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    /// The issuer's origin.
    pub fn issuer_origin(&self) -> Option<String> {
        Url::parse(&self.issuer).ok().map(|url| url.origin().ascii_serialization())
    }
}

pub(super) fn is_web_url(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        // It would be shown, and sent to nobody.
        && url.username().is_empty()
        && url.password().is_none()
}

impl Validate for AuthSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let issuer = Url::parse(&self.issuer);
        if !issuer.is_ok_and(|url| is_web_url(&url) && url.query().is_none() && url.fragment().is_none()) {
            return Err(InvalidSetting::new(
                "issuer",
                "an http or https URL without query and without a password, like https://id.example.com",
            ));
        }
        if self.audience.trim().is_empty() {
            return Err(InvalidSetting::new(
                "audience",
                "the resource identifier of this service, not empty",
            ));
        }
        if self.jwks_url.as_ref().is_some_and(|url| !is_web_url(url)) {
            return Err(InvalidSetting::new("jwks_url", "an http or https URL without a password"));
        }
        if self.proxy_url.as_ref().is_some_and(|url| ProxyUrl::parse(url.expose()).is_err()) {
            return Err(InvalidSetting::new(
                "proxy_url",
                "http[s]://[user:password@]host[:port], without a path",
            ));
        }
        in_range("jwks_cooldown_seconds", self.jwks_cooldown_seconds, 1..=3_600)?;
        in_range("jwks_max_age_seconds", self.jwks_max_age_seconds, 1..=2_592_000)?;
        in_range("leeway_seconds", self.leeway_seconds, 0..=30)?;
        in_range("token_cache_entries", self.token_cache_entries, 0..=10_000_000)
    }
}

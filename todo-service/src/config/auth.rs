//! The settings under `auth.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, UrlWithSecret, Validate, in_range};
use shared_claims::outbound::ProxyUrl;
use shared_claims::revocation::{MAX_KEY_SET_AGE_S, MAX_LEEWAY_S};
use url::Url;

/// Which issuer's tokens are accepted, and for which audience.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// The issuer's URL, exactly as in the `iss` claim.
    pub issuer: String,
    /// The audience that `aud` must contain.
    pub audience: String,
    /// The URL of the key set. If it is not set, it is found by discovery.
    pub jwks_url: Option<Url>,
    /// The proxy for requests to the issuer (key set and feed). If it is not set, no proxy is used; environment
    /// variables are ignored.
    pub proxy_url: Option<UrlWithSecret>,
    /// After a token with an unknown `kid` caused a request for the key set, further unknown ids cause none for this
    /// time.
    pub jwks_cooldown_seconds: u64,
    /// For how long the last valid key set is used while the issuer does not answer.
    pub jwks_max_age_seconds: u64,
    /// The accepted difference between the clocks of issuer and service.
    pub leeway_seconds: u64,
    /// The number of tokens in the cache of valid signatures; 0 turns the cache off.
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
    /// The URL of a path of the issuer, for example `/auth/token`.
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
        // The document would show the credentials, and clients would not send them.
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
        in_range("jwks_max_age_seconds", self.jwks_max_age_seconds, 1..=MAX_KEY_SET_AGE_S.unsigned_abs())?;
        in_range("leeway_seconds", self.leeway_seconds, 0..=MAX_LEEWAY_S.unsigned_abs())?;
        in_range("token_cache_entries", self.token_cache_entries, 0..=10_000_000)
    }
}

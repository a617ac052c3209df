//! The settings under `revocation.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, UrlWithSecret, Validate, in_range};
use shared_claims::revocation::{DEFAULT_BOUND_S, DEFAULT_PREFIX, RedisSettings};
use url::Url;

use super::auth::is_web_url;

/// How the service gets the revocation list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationSettings {
    /// The Redis that holds the list. If it is not set, the issuer's feed is used.
    pub redis_url: Option<UrlWithSecret>,
    /// The prefix of the keys in Redis.
    pub prefix: String,
    /// Whether the list is mirrored or looked up for each request.
    pub mode: RevocationMode,
    /// The staleness bound: a list that was last complete longer ago than this no longer decides.
    pub max_staleness_seconds: u64,
    /// What happens to valid tokens while it is not known what is revoked.
    pub on_outage: OnOutage,
    /// The token that the issuer's feed requires.
    pub feed_token: Option<Secret>,
    /// The URL of the feed. If it is not set: `<issuer>/revocations`.
    pub feed_url: Option<Url>,
}

/// How the list in Redis is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevocationMode {
    /// A local copy that is kept up to date. A request needs no network call.
    Mirror,
    /// One request to Redis for each check.
    Lookup,
}

/// What happens to valid tokens while it is not known what is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOutage {
    /// They are refused with 503.
    Refuse,
    /// They are accepted. A revoked token may then be used until it expires.
    Accept,
}

impl Default for RevocationSettings {
    fn default() -> Self {
        Self {
            redis_url: None,
            prefix: DEFAULT_PREFIX.to_owned(),
            mode: RevocationMode::Mirror,
            max_staleness_seconds: DEFAULT_BOUND_S,
            on_outage: OnOutage::Refuse,
            feed_token: None,
            feed_url: None,
        }
    }
}

/// Whether the token can be sent as `Authorization: Bearer`.
fn is_header_token(token: &Secret) -> bool {
    !token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic())
}

impl Validate for RevocationSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        if let Some(url) = &self.redis_url {
            RedisSettings::new(url.expose()).map_err(|_| {
                let allowed = "redis://[user:password@]host[:port][/db], redis-cluster://host:port[,…], \
                               redis-sentinel://host:port[,…]/master[/db], rediss… for TLS, or unix:///path";
                InvalidSetting::new("redis_url", allowed)
            })?;
        } else if self.mode == RevocationMode::Lookup {
            return Err(InvalidSetting::new("mode", "mirror where revocation.redis_url is unset"));
        }
        if self.prefix.trim().is_empty() {
            return Err(InvalidSetting::new("prefix", "the prefix that the auth-service uses, not empty"));
        }
        if self.feed_token.as_ref().is_some_and(|token| !is_header_token(token)) {
            return Err(InvalidSetting::new("feed_token", "visible ASCII characters, and at least one"));
        }
        if self.feed_url.as_ref().is_some_and(|url| !is_web_url(url)) {
            return Err(InvalidSetting::new("feed_url", "an http or https URL without a password"));
        }
        in_range("max_staleness_seconds", self.max_staleness_seconds, 1..=3_600)
    }
}

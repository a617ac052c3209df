//! The settings under `revocation.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, UrlWithSecret, Validate, in_range};
use shared_claims::revocation::RedisSettings;
use url::Url;

use super::auth::is_web_url;

/// How the service knows what is revoked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationSettings {
    /// The Redis that carries the list; unset: the issuer's feed is followed.
    pub redis_url: Option<UrlWithSecret>,
    /// What the keys in Redis begin with.
    pub prefix: String,
    /// Whether the list is mirrored or asked at each check.
    pub mode: RevocationMode,
    /// The bound: a list that was complete longer ago proves nothing any more.
    pub max_staleness_seconds: u64,
    /// What happens to good tokens while the list cannot be known.
    pub on_outage: OnOutage,
    /// What the issuer's feed asks for.
    pub feed_token: Option<Secret>,
    /// Where the feed is; unset: `<issuer>/revocations`.
    pub feed_url: Option<Url>,
}

/// How the list in Redis is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevocationMode {
    /// A local copy that follows: no call on the way of a request.
    Mirror,
    /// One question to Redis at each check.
    Lookup,
}

/// What happens to good tokens while the list cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOutage {
    /// 503.
    Refuse,
    /// They are accepted: a revoked one may live on until it expires.
    Accept,
}

impl Default for RevocationSettings {
    fn default() -> Self {
        Self {
            redis_url: None,
            prefix: "{revoked}".to_owned(),
            mode: RevocationMode::Mirror,
            max_staleness_seconds: 30,
            on_outage: OnOutage::Refuse,
            feed_token: None,
            feed_url: None,
        }
    }
}

/// Whether it can be sent as `Authorization: Bearer`.
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

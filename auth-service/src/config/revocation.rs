//! The settings under `revocation.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, UrlWithSecret, Validate, in_range};

/// How revocations are carried to verifiers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationSettings {
    /// The Redis that the list is kept in; unset: the feed alone.
    pub redis_url: Option<UrlWithSecret>,
    /// What its keys begin with.
    pub prefix: String,
    /// How long after its proof the list counts as whole.
    pub list_ttl_seconds: u64,
    /// What the feed asks for; unset: it answers this machine alone.
    pub feed_token: Option<Secret>,
    /// How far the clocks of replicas may be apart.
    pub clock_skew_ms: i64,
    /// Whether to go on although Redis may evict.
    pub allow_eviction: bool,
}

impl Default for RevocationSettings {
    fn default() -> Self {
        Self {
            redis_url: None,
            prefix: "{revoked}".to_owned(),
            list_ttl_seconds: 30,
            feed_token: None,
            clock_skew_ms: 1000,
            allow_eviction: false,
        }
    }
}

impl Validate for RevocationSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let is_redis = |url: &UrlWithSecret| {
            ["redis://", "rediss://", "unix://", "redis+unix://"]
                .iter()
                .any(|scheme| url.expose().starts_with(scheme))
        };
        if self.redis_url.as_ref().is_some_and(|url| !is_redis(url)) {
            return Err(InvalidSetting::new("redis_url", "redis://[user:password@]host[:port][/database]"));
        }
        if self.prefix.is_empty()
            || self.prefix.len() > 64
            || !self.prefix.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(InvalidSetting::new("prefix", "1 to 64 visible ASCII characters"));
        }
        if self.feed_token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
            return Err(InvalidSetting::new("feed_token", "a secret, not empty (openssl rand -hex 32)"));
        }
        in_range("list_ttl_seconds", self.list_ttl_seconds, 2..=3600)?;
        in_range("clock_skew_ms", self.clock_skew_ms, 0..=60_000)
    }
}

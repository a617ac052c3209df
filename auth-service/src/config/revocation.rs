//! The settings under `revocation.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, UrlWithSecret, Validate, in_range};
use shared_claims::issuer::{RedisAddress, contract};

use super::strength::is_token;

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
    /// Requests to the feed that may be open at a time.
    pub feed_followers: usize,
    /// How far the clocks of replicas may be apart.
    pub clock_skew_ms: i64,
    /// Whether to go on although Redis may evict.
    pub allow_eviction: bool,
}

impl Default for RevocationSettings {
    fn default() -> Self {
        Self {
            redis_url: None,
            prefix: contract::DEFAULT_PREFIX.to_owned(),
            list_ttl_seconds: contract::DEFAULT_BOUND_S,
            feed_token: None,
            feed_followers: 20_000,
            clock_skew_ms: 1000,
            allow_eviction: false,
        }
    }
}

impl Validate for RevocationSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        if let Some(url) = &self.redis_url {
            RedisAddress::parse(url.expose()).map_err(|_| {
                let allowed = "redis://[user:password@]host[:port][/db], redis-cluster://host:port[,…], \
                               redis-sentinel://host:port[,…]/master[/db], rediss… for TLS, or unix:///path";
                InvalidSetting::new("redis_url", allowed)
            })?;
        }
        self.check_hash_tag(&self.prefix)?;
        check_prefix(&self.prefix)?;
        if self.feed_token.as_ref().is_some_and(|token| !is_token(token.expose())) {
            let allowed = "a random secret of at least 16 visible ASCII characters (openssl rand -hex 32)";
            return Err(InvalidSetting::new("feed_token", allowed));
        }
        in_range("list_ttl_seconds", self.list_ttl_seconds, 2..=3600)?;
        in_range("feed_followers", self.feed_followers, 1..=1_000_000)?;
        in_range("clock_skew_ms", self.clock_skew_ms, 0..=60_000)
    }
}

impl RevocationSettings {
    /// Checks that a cluster keeps all keys with this prefix in one slot.
    pub(super) fn check_hash_tag(&self, prefix: &str) -> Result<(), InvalidSetting> {
        let address = self.redis_url.as_ref().and_then(|url| RedisAddress::parse(url.expose()).ok());
        if address.is_some_and(|address| address.is_cluster()) && !has_hash_tag(prefix) {
            let allowed = "with braces, as {revoked} has: one slot of the cluster";
            return Err(InvalidSetting::new("prefix", allowed));
        }
        Ok(())
    }
}

/// Checks what keys of Redis begin with.
pub(super) fn check_prefix(prefix: &str) -> Result<(), InvalidSetting> {
    if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidSetting::new("prefix", "1 to 64 visible ASCII characters"));
    }
    Ok(())
}

/// Whether a cluster keeps all keys that begin so in one slot.
fn has_hash_tag(prefix: &str) -> bool {
    let tag = prefix.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    tag.is_some_and(|(tag, _)| !tag.is_empty())
}

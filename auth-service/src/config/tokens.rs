//! The settings under `tokens.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};
use shared_claims::issuer::contract::MAX_ACCESS_TOKEN_LIFE_S;
use shared_claims::scope::Scopes;

/// The settings for tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenSettings {
    /// The audience of first-party tokens, besides the issuer.
    pub audience: String,
    /// The scope of a first-party login that requests no narrower scope.
    pub default_scope: String,
    /// Lifetime of an access token.
    pub access_ttl_seconds: i64,
    /// Lifetime of a refresh token, counted from its issue.
    pub refresh_ttl_seconds: i64,
    /// How long a used refresh token still returns the same successor, so that a client can retry a lost response; 0:
    /// never.
    pub refresh_replay_seconds: i64,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            audience: "todo-service".to_owned(),
            default_scope: "openid profile todos:read todos:write".to_owned(),
            access_ttl_seconds: 900,
            refresh_ttl_seconds: 2_592_000,
            refresh_replay_seconds: 30,
        }
    }
}

impl Validate for TokenSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        if self.audience.trim().is_empty() {
            return Err(InvalidSetting::new("audience", "a resource identifier, not empty"));
        }
        if Scopes::parse(&self.default_scope).is_err() {
            return Err(InvalidSetting::new("default_scope", "scopes separated by single spaces"));
        }
        in_range("access_ttl_seconds", self.access_ttl_seconds, 1..=MAX_ACCESS_TOKEN_LIFE_S)?;
        in_range("refresh_ttl_seconds", self.refresh_ttl_seconds, 1..=315_360_000)?;
        in_range("refresh_replay_seconds", self.refresh_replay_seconds, 0..=3600)
    }
}

//! The settings under `tokens.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};
use shared_claims::issuer::contract::MAX_ACCESS_TOKEN_LIFE_S;
use shared_claims::scope::Scopes;

use super::Settings;

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

/// The most bytes that browsers accept for a cookie's name and value. They drop a larger cookie silently (RFC 6265bis
/// §5.5).
const MAX_COOKIE_BYTES: usize = 4096;
/// The length of the cookie's longest name and of `=`.
const COOKIE_NAME: usize = "__Host-access_token=".len();
/// The length of the token's header in base64url and of its two dots.
const TOKEN_HEADER: usize = 120;
/// The length of the claims of fixed length, of all names and punctuation, and of a username and some roles.
const OTHER_CLAIMS: usize = 600;

/// Refuses a default scope that is too long. Otherwise a login by cookie would seem to succeed, but the browser would
/// drop the cookie.
pub(super) fn check_cookie_size(settings: &Settings) -> Result<(), InvalidSetting> {
    let signature = base64_length(settings.keys.rsa_bits / 8);
    let claims = (MAX_COOKIE_BYTES - COOKIE_NAME - TOKEN_HEADER).saturating_sub(signature) / 4 * 3;
    // The issuer occurs twice: in `iss` and in `aud`.
    let others = OTHER_CLAIMS + 2 * settings.issuer.len() + settings.tokens.audience.len();
    let room = claims.saturating_sub(others);
    if settings.tokens.default_scope.len() <= room {
        return Ok(());
    }
    let allowed = format!(
        "at most {room} characters here, so that an access token fits into a cookie (browsers keep {MAX_COOKIE_BYTES} bytes)"
    );
    Err(InvalidSetting::new("tokens.default_scope", allowed))
}

fn base64_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

//! Checks that an access token of a login fits into its cookie.

use service_kit::config::InvalidSetting;

use super::Settings;

/// The most bytes that browsers accept for a cookie's name and value. They drop a larger cookie silently (RFC 6265bis
/// §5.5).
const KEPT: usize = 4096;
/// The length of the cookie's longest name and of `=`.
const NAME: usize = "__Host-access_token=".len();
/// The length of the token's header in base64url and of its two dots.
const HEADER: usize = 120;
/// The length of the claims of fixed length, of all names and punctuation, and of a username and some roles.
const OTHER_CLAIMS: usize = 600;

/// Refuses a default scope that is too long. Otherwise a login by cookie would seem to succeed, but the browser would
/// drop the cookie.
pub(super) fn check(settings: &Settings) -> Result<(), InvalidSetting> {
    let signature = base64_length(settings.keys.rsa_bits / 8);
    let claims = (KEPT - NAME - HEADER).saturating_sub(signature) / 4 * 3;
    // The issuer occurs twice: in `iss` and in `aud`.
    let others = OTHER_CLAIMS + 2 * settings.issuer.len() + settings.tokens.audience.len();
    let room = claims.saturating_sub(others);
    if settings.tokens.default_scope.len() <= room {
        return Ok(());
    }
    let allowed = format!(
        "at most {room} characters here, so that an access token fits into a cookie (browsers keep {KEPT} bytes)"
    );
    Err(InvalidSetting::new("tokens.default_scope", allowed))
}

fn base64_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

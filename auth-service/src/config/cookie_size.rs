//! Whether an access token of a login fits into its cookie.

use service_kit::config::InvalidSetting;

use super::Settings;

/// What browsers keep of a cookie's name and value; a larger one they drop without a word (RFC 6265bis §5.5).
const KEPT: usize = 4096;
/// The longest name of the cookie, and `=`.
const NAME: usize = "__Host-access_token=".len();
/// The token's header in base64url, and its two dots.
const HEADER: usize = 120;
/// Claims of fixed length, their names and punctuation, and room for a user name and some roles.
const OTHER_CLAIMS: usize = 600;

/// A login by cookie would look like a success, and the browser would have nothing.
pub(super) fn check(settings: &Settings) -> Result<(), InvalidSetting> {
    let signature = base64_length(settings.keys.rsa_bits / 8);
    let claims = (KEPT - NAME - HEADER).saturating_sub(signature) / 4 * 3;
    // The issuer is `iss` and one of `aud`.
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

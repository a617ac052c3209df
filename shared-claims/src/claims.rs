//! The claims of an access token (RFC 9068 §2.2), as the issuer writes them and every service reads them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::scope::Scopes;

/// The `typ` header of an access token (RFC 9068 §2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The `client_id` of tokens that the first-party face (`/auth/*`) issues.
pub const FIRST_PARTY_CLIENT: &str = "first-party";

/// The claims of a verified access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer (RFC 7519 §4.1.1): the URL, exactly as configured.
    pub iss: String,
    /// Subject (RFC 7519 §4.1.2): the user's id, or the client id for `client_credentials`.
    pub sub: String,
    /// Audience (RFC 7519 §4.1.3): the resources that may take the token.
    pub aud: Vec<String>,
    /// The OAuth client that obtained the token (RFC 9068 §2.2).
    pub client_id: String,
    /// What the token permits (RFC 8693 §4.2); empty when the claim is absent.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scope: Scopes,
    /// Issued at, seconds since the Unix epoch.
    pub iat: i64,
    /// Not valid before, seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Expiry, seconds since the Unix epoch.
    pub exp: i64,
    /// Token id: a UUIDv7, whose time is later than every cut that stood when the token was issued.
    pub jti: Uuid,
    /// Session id; absent for `client_credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The user's name, as typed at registration; absent for `client_credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Roles (RFC 9068 §2.2.3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// When the user authenticated, seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How the user authenticated (RFC 8176): `pwd`, `otp`, `hwk`, `mfa`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Authentication context class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

/// The time inside a UUIDv7 (RFC 9562 §5.7), milliseconds since the Unix epoch.
pub fn uuid_v7_ms(id: Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX)
}

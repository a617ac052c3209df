//! The claims of an access token (RFC 9068 §2.2): the issuer writes them, and every resource server reads them.
//!
//! ```
//! use shared_claims::claims::{Claims, FIRST_PARTY_CLIENT};
//!
//! fn is_ours(claims: &Claims) -> bool {
//!     claims.client_id == FIRST_PARTY_CLIENT && claims.roles.contains("admin")
//! }
//! ```

mod id;

pub use id::{InvalidId, SessionId, TokenId};

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::scope::Scopes;

/// The `typ` header of an access token (RFC 9068 §2.1).
///
/// ```
/// assert_eq!(shared_claims::claims::ACCESS_TOKEN_TYPE, "at+jwt");
/// ```
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The `client_id` of tokens that the first-party API (`/auth/*`) issues.
///
/// ```
/// assert_eq!(shared_claims::claims::FIRST_PARTY_CLIENT, "first-party");
/// ```
pub const FIRST_PARTY_CLIENT: &str = "first-party";

/// The claims of an access token. `C` holds the custom claims that a service reads in addition
/// ([`VerifierBuilder::custom_claims`](crate::verifier::VerifierBuilder::custom_claims)); by default there are none.
///
/// An issuer starts with [`new`](Self::new) and then sets the optional claims:
///
/// ```
/// use shared_claims::claims::{Claims, TokenId};
///
/// let jti = TokenId::new(1_700_000_000_000, [7; 10]);
/// let mut claims = Claims::new("https://id.example", "ada", "notes-app", jti, 1_700_000_000, 1_700_000_900);
/// claims.aud = vec!["notes".to_owned()];
/// assert_eq!(serde_json::to_value(&claims)?["aud"][0], "notes");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claims<C = ()> {
    /// Issuer (RFC 7519 §4.1.1): its URL, exactly as configured.
    pub iss: String,
    /// Subject (RFC 7519 §4.1.2): the user's id, or the client id for `client_credentials`.
    pub sub: String,
    /// Audience (RFC 7519 §4.1.3): the resource servers that may accept the token.
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
    /// Token id (UUIDv7). Its time is later than the cut of every revocation that was in force when the token was
    /// issued.
    pub jti: TokenId,
    /// Session id; absent for `client_credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The user's name, as typed at registration; absent for `client_credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Roles (RFC 9068 §2.2.3.1).
    #[serde(default, skip_serializing_if = "Roles::is_empty")]
    pub roles: Roles,
    /// When the user authenticated, seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How the user authenticated (RFC 8176): `pwd`, `otp`, `hwk`, `mfa`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Authentication context class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The service's custom claims: members of the token's payload, like those above.
    #[serde(flatten)]
    pub custom: C,
}

impl Claims {
    /// The claims that every token has: issuer, subject, client, token id, and the times (seconds since the Unix
    /// epoch). The caller has to set the audience; the other claims are absent until they are set.
    pub fn new(
        iss: impl Into<String>,
        sub: impl Into<String>,
        client_id: impl Into<String>,
        jti: TokenId,
        iat: i64,
        exp: i64,
    ) -> Self {
        Self {
            iss: iss.into(),
            sub: sub.into(),
            aud: Vec::new(),
            client_id: client_id.into(),
            scope: Scopes::default(),
            iat,
            nbf: None,
            exp,
            jti,
            sid: None,
            username: None,
            roles: Roles::default(),
            auth_time: None,
            amr: Vec::new(),
            acr: None,
            custom: (),
        }
    }
}

impl<C> Claims<C> {
    /// Replaces the custom claims and keeps all others.
    ///
    /// ```
    /// # use shared_claims::claims::{Claims, TokenId};
    /// #[derive(serde::Serialize)]
    /// struct Tenant {
    ///     tenant: String,
    /// }
    ///
    /// # let jti = TokenId::new(1_700_000_000_000, [7; 10]);
    /// let claims = Claims::new("https://id.example", "ada", "notes-app", jti, 1_700_000_000, 1_700_000_900);
    /// let claims = claims.with_custom(Tenant { tenant: "acme".to_owned() });
    /// assert_eq!(serde_json::to_value(&claims)?["tenant"], "acme");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn with_custom<D>(self, custom: D) -> Claims<D> {
        Claims {
            iss: self.iss,
            sub: self.sub,
            aud: self.aud,
            client_id: self.client_id,
            scope: self.scope,
            iat: self.iat,
            nbf: self.nbf,
            exp: self.exp,
            jti: self.jti,
            sid: self.sid,
            username: self.username,
            roles: self.roles,
            auth_time: self.auth_time,
            amr: self.amr,
            acr: self.acr,
            custom,
        }
    }
}

/// The custom claims that a service reads from a token. Any type qualifies that deserialises from an object of the
/// payload's members for which [`Claims`] has no field. Implemented automatically for every such type.
///
/// ```
/// #[derive(Clone, Debug, serde::Deserialize)]
/// struct Tenant {
///     tenant: String,
/// }
///
/// fn is_custom<C: shared_claims::claims::CustomClaims>() {}
/// is_custom::<Tenant>();
/// is_custom::<()>();
/// ```
pub trait CustomClaims: DeserializeOwned + Clone + Debug + Send + Sync + 'static {}

impl<C: DeserializeOwned + Clone + Debug + Send + Sync + 'static> CustomClaims for C {}

/// The members that [`Claims`] reads itself. They are not part of the custom claims.
pub(crate) const REGISTERED: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "iat",
    "nbf",
    "exp",
    "jti",
    "sid",
    "username",
    "roles",
    "auth_time",
    "amr",
    "acr",
];

/// The roles of the token's subject (RFC 9068 §2.2.3.1), in the order of the claim: names that the issuer assigns to users.
///
/// ```
/// use shared_claims::claims::Roles;
///
/// let roles: Roles = ["editor", "admin"].into_iter().collect();
/// assert!(!roles.is_empty());
/// assert!(roles.contains("admin") && !roles.contains("Admin"));
/// assert_eq!(roles.iter().collect::<Vec<_>>(), ["editor", "admin"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Whether `role` is one of the roles.
    pub fn contains(&self, role: &str) -> bool {
        self.0.iter().any(|known| known == role)
    }

    /// Whether there are no roles.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The roles, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<R: Into<String>> FromIterator<R> for Roles {
    fn from_iter<I: IntoIterator<Item = R>>(roles: I) -> Self {
        Self(roles.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn claims() -> Claims {
        Claims::new("https://id.example", "ada", "app", TokenId::new(1, [0; 10]), 1, 2)
    }

    #[test]
    fn what_is_absent_is_not_written() {
        let written = serde_json::to_value(claims()).unwrap();
        let expected = json!({
            "iss": "https://id.example", "sub": "ada", "aud": [], "client_id": "app", "iat": 1, "exp": 2,
            "jti": "00000000-0001-7000-8000-000000000000",
        });
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Claims>(written).unwrap(), claims());
    }

    #[test]
    fn own_claims_stand_beside_the_others_and_every_other_is_registered() {
        let own = BTreeMap::from([("tenant".to_owned(), json!("acme"))]);
        let mut full = claims().with_custom(own);
        full.scope = Scopes::parse("a").unwrap();
        full.nbf = Some(1);
        full.sid = Some(SessionId::from_bytes([0; 16]));
        full.username = Some("ada".to_owned());
        full.roles = ["admin"].into_iter().collect();
        full.auth_time = Some(1);
        full.amr = vec!["pwd".to_owned()];
        full.acr = Some("1".to_owned());
        let Value::Object(mut written) = serde_json::to_value(&full).unwrap() else { unreachable!() };
        assert_eq!(written.remove("tenant"), Some(json!("acme")));
        assert!(REGISTERED.iter().all(|name| written.remove(*name).is_some()));
        assert!(written.is_empty(), "{written:?}");
    }
}

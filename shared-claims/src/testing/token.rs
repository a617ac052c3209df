//! Tokens for tests: valid ones, and all kinds of invalid ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::key::{SignatureKind, TestKey};
use crate::claims::TokenId;
use crate::clock::Clock;

/// An access token that is not signed yet.
///
/// ```
/// use shared_claims::clock::SystemClock;
/// use shared_claims::testing::{SignatureKind, TestKey};
///
/// let good = TestKey::shared(0).token("https://id.example", "notes", &SystemClock);
/// let tokens = [
///     good.clone().claim("scope", "notes:read").without_claim("sid").sign(),
///     good.clone().header("alg", "none").without_header("kid").with_signature(&[]),
///     good.clone().raw_header("{}").raw_claims("null").sign(),
///     good.clone().signed_by(TestKey::shared(1)).sign(),
///     good.clone().signed_as(SignatureKind::Rs512).sign(),
/// ];
/// assert!(tokens.iter().all(|token| token.split('.').count() == 3));
/// assert!(good.sign().starts_with(&good.signing_input()));
/// assert!(good.claims_json().starts_with(b"{") && good.header_json().starts_with(b"{"));
/// ```
#[derive(Clone, Debug)]
pub struct TokenBuilder {
    key: &'static TestKey,
    kind: SignatureKind,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_header: Option<Vec<u8>>,
    raw_claims: Option<Vec<u8>>,
}

impl TokenBuilder {
    pub(super) fn new(key: &'static TestKey, issuer: &str, audience: &str, clock: &dyn Clock) -> Self {
        let now = clock.now_seconds();
        let Value::Object(header) = json!({ "alg": "RS256", "typ": "at+jwt", "kid": key.kid() }) else {
            unreachable!("an object was written")
        };
        let Value::Object(claims) = json!({
            "iss": issuer,
            "sub": "0198d2c4-0000-7000-8000-000000000001",
            "aud": [audience],
            "client_id": "first-party",
            "scope": "openid profile todos:read todos:write",
            "iat": now,
            "nbf": now,
            "exp": now + 900,
            "jti": token_id(clock.now_ms()).to_string(),
            "sid": "0198d2c4-0000-7000-8000-000000000002",
            "username": "ada",
        }) else {
            unreachable!("an object was written")
        };
        Self { key, kind: SignatureKind::Rs256, header, claims, raw_header: None, raw_claims: None }
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header parameter.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a header parameter.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Replaces the header with these bytes.
    #[must_use]
    pub fn raw_header(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(bytes.into());
        self
    }

    /// Replaces the payload with these bytes.
    #[must_use]
    pub fn raw_claims(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_claims = Some(bytes.into());
        self
    }

    /// Signs with another algorithm (the header's `alg` does not change).
    #[must_use]
    pub fn signed_as(mut self, kind: SignatureKind) -> Self {
        self.kind = kind;
        self
    }

    /// Signs with another key (the header's `kid` does not change).
    #[must_use]
    pub fn signed_by(mut self, key: &'static TestKey) -> Self {
        self.key = key;
        self
    }

    /// The header as JSON.
    pub fn header_json(&self) -> Vec<u8> {
        self.raw_header.clone().unwrap_or_else(|| Value::Object(self.header.clone()).to_string().into_bytes())
    }

    /// The payload as JSON.
    pub fn claims_json(&self) -> Vec<u8> {
        self.raw_claims.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string().into_bytes())
    }

    /// The signing input: the encoded header and payload.
    pub fn signing_input(&self) -> String {
        let encode = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}", encode(self.header_json()), encode(self.claims_json()))
    }

    /// The signed token.
    pub fn sign(&self) -> String {
        let input = self.signing_input();
        let signature = self.key.sign(self.kind, input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The token with this signature instead of a valid one.
    pub fn with_signature(&self, signature: &[u8]) -> String {
        format!("{}.{}", self.signing_input(), URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A random token id (UUIDv7) with this time, milliseconds since the Unix epoch.
///
/// ```
/// use shared_claims::testing::token_id;
///
/// assert_eq!(token_id(1_700_000_000_000).time_ms(), 1_700_000_000_000);
/// ```
pub fn token_id(ms: i64) -> TokenId {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).expect("random bytes");
    TokenId::new(ms, random)
}

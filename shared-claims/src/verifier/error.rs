//! The reasons why a token is not accepted.

use crate::revocation::RevocationKind;

/// Why a token is invalid, apart from revocation. For logs and metrics: a client sees only `invalid_token`.
///
/// ```
/// use shared_claims::verifier::Reason;
///
/// assert_eq!(Reason::Expired.as_str(), "expired");
/// assert!(Reason::ALL.contains(&Reason::Signature));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Longer than 16 KiB.
    TooLong,
    /// Not three segments of strict base64url.
    Malformed,
    /// The header is not a JSON object with the expected members.
    Header,
    /// `alg` is not `RS256`.
    Algorithm,
    /// `typ` is not `at+jwt`.
    Type,
    /// The header has `crit`, `b64`, or a key of its own (`jwk`, `jku`, `x5c`, `x5u`).
    ForbiddenHeader,
    /// No key of the key set has the token's `kid`.
    UnknownKey,
    /// The signature does not match the key.
    Signature,
    /// The payload is not a JSON object with the expected members, or a claim is absent or of the wrong type.
    Claims,
    /// `iss` is not the expected issuer.
    Issuer,
    /// `aud` does not contain this service.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// A policy of the service refused the token.
    Policy,
}

impl Reason {
    /// Every reason, in the order of the checks.
    pub const ALL: &'static [Self] = &[
        Self::TooLong,
        Self::Malformed,
        Self::Header,
        Self::Algorithm,
        Self::Type,
        Self::ForbiddenHeader,
        Self::UnknownKey,
        Self::Signature,
        Self::Claims,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::NotYetValid,
        Self::Policy,
    ];

    /// A short name, for logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Type => "type",
            Self::ForbiddenHeader => "forbidden_header",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Policy => "policy",
        }
    }
}

/// What the verifier cannot know at the moment.
///
/// ```
/// use shared_claims::verifier::Missing;
///
/// assert_eq!(Missing::ALL.iter().map(|missing| missing.as_str()).collect::<Vec<_>>(), ["keys", "revocations"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The issuer's keys: they were never read, or too long ago.
    Keys,
    /// The revocation list: it was never complete, or is too old.
    Revocations,
}

impl Missing {
    /// Every value.
    pub const ALL: &'static [Self] = &[Self::Keys, Self::Revocations];

    /// A short name, for logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Revocations => "revocations",
        }
    }
}

/// The challenge for a token that is not accepted.
const INVALID_TOKEN: &str =
    "Bearer error=\"invalid_token\", error_description=\"The access token is invalid, expired or revoked\"";

/// Why [`Verifier::verify`](super::Verifier::verify) did not accept a token.
///
/// A web service builds its response from four methods:
///
/// ```
/// use shared_claims::verifier::{Missing, Reason, VerifyError};
///
/// let bad = VerifyError::Invalid(Reason::Expired);
/// assert_eq!(bad.status(), http::StatusCode::UNAUTHORIZED);
/// assert!(bad.challenge().is_some_and(|challenge| challenge.starts_with("Bearer error=\"invalid_token\"")));
/// assert_eq!((bad.retry_after_seconds(), bad.detail()), (None, "The access token is invalid, expired or revoked"));
///
/// let unknown = VerifyError::Unavailable(Missing::Keys);
/// assert_eq!(unknown.status(), http::StatusCode::SERVICE_UNAVAILABLE);
/// assert_eq!((unknown.challenge(), unknown.retry_after_seconds()), (None, Some(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is invalid: 401, `invalid_token`.
    #[error("the token is not valid ({})", .0.as_str())]
    Invalid(Reason),
    /// The token was revoked: 401, `invalid_token`.
    #[error("the token is revoked (by {})", .0.as_str())]
    Revoked(RevocationKind),
    /// It cannot be known at the moment whether the token is valid: 503 with `Retry-After`.
    #[error("the token cannot be checked now (no {})", .0.as_str())]
    Unavailable(Missing),
}

impl VerifyError {
    /// Status, challenge and seconds for `Retry-After` of the response. The only place that decides them.
    const fn response_parts(self) -> (http::StatusCode, Option<&'static str>, Option<u32>) {
        match self {
            Self::Invalid(_) | Self::Revoked(_) => {
                (http::StatusCode::UNAUTHORIZED, Some(INVALID_TOKEN), None)
            }
            Self::Unavailable(_) => (http::StatusCode::SERVICE_UNAVAILABLE, None, Some(1)),
        }
    }

    /// The `WWW-Authenticate` challenge of the response (RFC 6750 §3); `None` if the token cannot be checked now. It is
    /// the same for every invalid token, so that an attacker does not learn which check failed.
    pub fn challenge(&self) -> Option<&'static str> {
        self.response_parts().1
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> http::StatusCode {
        self.response_parts().0
    }

    /// After how many seconds a retry makes sense (`Retry-After`, RFC 9110 §10.2.3); `None` for a token that will not
    /// become valid.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.response_parts().2
    }

    /// The text that the client may see.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::Revoked(_) => "The access token is invalid, expired or revoked",
            Self::Unavailable(_) => "The access token cannot be checked at the moment",
        }
    }
}

impl From<Reason> for VerifyError {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}

/// Why a verifier could not be built.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shared_claims::verifier::{BuildError, Verifier};
///
/// let without_source = Verifier::builder("https://id.example").audience("notes").build().await;
/// assert!(matches!(without_source, Err(BuildError::NoRevocation)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer is not an `http` or `https` URL.
    #[error("the issuer must be an http or https URL without query and fragment, not {0:?}")]
    Issuer(String),
    /// The key set URL is not an `http` or `https` URL.
    #[error("the key set URL must be an http or https URL, not {0:?}")]
    JwksUrl(String),
    /// No audience was set.
    #[error("no audience: call audience() with the resource identifier of this service")]
    NoAudience,
    /// The leeway is greater than the contract allows.
    #[error("leeway of {0} s: at most 30 are allowed")]
    Leeway(u64),
    /// Neither a revocation source nor `without_revocation()` was set.
    #[error("no revocation source: choose one, or call without_revocation()")]
    NoRevocation,
    /// The revocation source cannot be used with its settings. The message contains no secrets.
    #[error("the revocation source: {0}")]
    Source(String),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built: {0}")]
    Http(String),
    /// The RS256 implementation failed its self-test.
    #[error("the RS256 self-test failed")]
    SelfTest,
}

//! Why a token is not accepted.

use crate::revocation::Kind;

/// What is wrong with a token in itself. For logs and metrics: a client learns no more than `invalid_token`.
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
    /// The header is no JSON object of the kind that is read here.
    Header,
    /// `alg` is not `RS256`.
    Algorithm,
    /// `typ` is not `at+jwt`.
    Type,
    /// The header carries `crit`, or a key of its own (`jwk`, `jku`, `x5c`, `x5u`), or `b64`.
    ForbiddenHeader,
    /// No key of the set has the token's `kid`.
    UnknownKey,
    /// The signature is not by that key.
    Signature,
    /// The payload is no JSON object of the kind that is read here, or a claim is absent or of the wrong type.
    Claims,
    /// `iss` is another issuer.
    Issuer,
    /// `aud` does not hold this service.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies ahead.
    NotYetValid,
    /// The verifier's own policy said no.
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
    /// The issuer's keys: never read yet, or too long ago.
    Keys,
    /// The revocation list: never complete yet, or too old.
    Revocations,
}

impl Missing {
    /// Everything that may be missing.
    pub const ALL: &'static [Self] = &[Self::Keys, Self::Revocations];

    /// A short name, for logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Revocations => "revocations",
        }
    }
}

/// The challenge to whoever sent a token that is not accepted.
const INVALID_TOKEN: &str =
    "Bearer error=\"invalid_token\", error_description=\"The access token is invalid, expired or revoked\"";

/// Why [`Verifier::verify`](super::Verifier::verify) did not accept a token.
///
/// Whatever the framework, an answer is made of four questions:
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
    /// The token is bad in itself: 401, `invalid_token`.
    #[error("the token is not valid ({})", .0.as_str())]
    Invalid(Reason),
    /// The token was revoked: 401, `invalid_token`.
    #[error("the token is revoked (by {})", .0.as_str())]
    Revoked(Kind),
    /// Whether the token is good cannot be known now: 503 with `Retry-After`.
    #[error("the token cannot be checked now (no {})", .0.as_str())]
    Unavailable(Missing),
}

impl VerifyError {
    /// What an answer says of it: status, challenge, and seconds for `Retry-After`. The one place that decides.
    const fn answer(self) -> (http::StatusCode, Option<&'static str>, Option<u32>) {
        match self {
            Self::Invalid(_) | Self::Revoked(_) => {
                (http::StatusCode::UNAUTHORIZED, Some(INVALID_TOKEN), None)
            }
            Self::Unavailable(_) => (http::StatusCode::SERVICE_UNAVAILABLE, None, Some(1)),
        }
    }

    /// The `WWW-Authenticate` challenge that says so (RFC 6750 §3); none for what cannot be checked now. It is the
    /// same for every bad token: what is wrong with one is no business of whoever made it up.
    pub fn challenge(&self) -> Option<&'static str> {
        self.answer().1
    }

    /// The HTTP status that says so.
    pub fn status(&self) -> http::StatusCode {
        self.answer().0
    }

    /// After how many seconds it is worth asking again (`Retry-After`, RFC 9110 §10.2.3); none for a token that stays
    /// bad.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.answer().2
    }

    /// What may be told to whoever sent the token.
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
/// let nothing_said = Verifier::builder("https://id.example").audience("notes").build().await;
/// assert!(matches!(nothing_said, Err(BuildError::NoRevocation)));
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
    /// No audience was named.
    #[error("no audience: name the resource identifier of this service")]
    NoAudience,
    /// More leeway than the contract allows.
    #[error("leeway of {0} s: at most 30 are allowed")]
    Leeway(u64),
    /// Neither a revocation source nor `without_revocation()`.
    #[error("no revocation source: name one, or say without_revocation()")]
    NoRevocation,
    /// The revocation source cannot be reached at what was said. No secret is repeated.
    #[error("the revocation source: {0}")]
    Source(String),
    /// A policy was set before the type of the claims that it is asked about.
    #[error("a policy was set before custom_claims(), which would lose it: set it after")]
    PolicyBeforeClaims,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made: {0}")]
    Http(String),
    /// RS256 does not work in this process.
    #[error("the RS256 self-test failed")]
    SelfTest,
}

//! The reasons to refuse a request, and the response to each.

use std::borrow::Cow;

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::problem::Problem;
use crate::require::Denied;
use crate::verifier::{Reason, VerifyError};

/// Why a request is refused before it reaches its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BearerError {
    /// There are no credentials of a supported scheme (RFC 6750 §3: the response has no error code).
    NoCredentials,
    /// Credentials were sent in more than one way (RFC 6750 §3.1).
    AmbiguousCredentials,
    /// One of the service's cookies was sent more than once: another host of the same domain may have set one of them.
    AmbiguousCookie,
    /// The request has a cookie and may have been started by another site.
    ForeignOrigin,
    /// The token is valid, but a scope or a role is missing (RFC 6750 §3.1).
    Denied(Denied),
    /// The token is not accepted, or cannot be checked now.
    NotVerified(VerifyError),
}

impl BearerError {
    /// The value that was sent as a token cannot be one.
    pub(crate) const INVALID_TOKEN: Self = Self::NotVerified(VerifyError::Invalid(Reason::Malformed));

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials => StatusCode::UNAUTHORIZED,
            Self::AmbiguousCredentials | Self::AmbiguousCookie => StatusCode::BAD_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Denied(denied) => denied.status(),
            Self::NotVerified(error) => error.status(),
        }
    }

    /// What happened, for a human reader. Printable ASCII.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::NoCredentials => "Not authenticated",
            Self::AmbiguousCredentials => "Send the access token once",
            Self::AmbiguousCookie => {
                "A cookie of this service was sent twice: delete the cookies of this site"
            }
            Self::ForeignOrigin => "The request comes from a foreign origin",
            Self::Denied(_) => "The access token does not permit this",
            Self::NotVerified(error) => error.detail(),
        }
    }

    pub(crate) fn problem(self) -> Problem {
        Problem::new(self.status(), self.detail())
    }

    /// The `WWW-Authenticate` challenge (RFC 6750 §3).
    pub(crate) fn challenge(self) -> Option<HeaderValue> {
        let challenge: Cow<'static, str> = match self {
            Self::NoCredentials => "Bearer".into(),
            Self::AmbiguousCredentials => {
                "Bearer error=\"invalid_request\", error_description=\"Send the access token once\"".into()
            }
            Self::NotVerified(error) => error.challenge()?.into(),
            Self::Denied(denied) => denied.challenge().into(),
            Self::ForeignOrigin | Self::AmbiguousCookie => return None,
        };
        // The fallback is never used: `required_scope!` does not compile with a scope that a header cannot hold.
        Some(
            HeaderValue::try_from(&*challenge)
                .unwrap_or(HeaderValue::from_static("Bearer error=\"insufficient_scope\"")),
        )
    }

    /// After how many seconds a retry makes sense.
    pub(crate) fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::NotVerified(error) => error.retry_after_seconds(),
            _ => None,
        }
    }

    /// The headers of the response, without those that describe its body.
    pub(crate) fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let challenge = self.challenge().map(|value| (WWW_AUTHENTICATE, value));
        let retry = self.retry_after_seconds().map(|seconds| (RETRY_AFTER, seconds.into()));
        let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
        challenge.into_iter().chain(retry).chain([no_store])
    }
}

impl From<VerifyError> for BearerError {
    fn from(error: VerifyError) -> Self {
        Self::NotVerified(error)
    }
}

impl From<Denied> for BearerError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

//! Errors of the OAuth endpoints (RFC 6749 §5.2, RFC 8707 §2).

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::AccountError;
use crate::clients::ClientsError;
use crate::domain::Throttled;
use crate::tokens::TokenError;

/// The body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OauthErrorBody {
    #[schema(example = "invalid_request")]
    error: &'static str,
    error_description: String,
}

/// An error response of an OAuth endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OauthError {
    /// The request is malformed: a parameter is missing or occurs twice.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The endpoint does not support the method.
    #[error("the endpoint does not have this method")]
    OtherMethod,
    /// The body is larger than the size limit.
    #[error("the body is larger than 64 KiB")]
    TooLarge,
    /// The body has a content coding, for example compression (RFC 9110 §15.5.16).
    #[error("the body must not have a Content-Encoding")]
    Encoded,
    /// The client is unknown or disabled, or its authentication failed. The caller does not learn which.
    #[error("the client is unknown or did not authenticate")]
    InvalidClient,
    /// The code, refresh token or password is not valid, or belongs to another client.
    #[error("the grant is invalid, expired, revoked, or another client's")]
    InvalidGrant,
    /// The client must not use this grant type.
    #[error("the client may not use this grant type")]
    UnauthorizedClient,
    /// The grant type is unknown.
    #[error("there is no such grant type")]
    UnsupportedGrantType,
    /// The scope is malformed, or exceeds what may be granted.
    #[error("the scope is malformed, or exceeds what the client may be granted")]
    InvalidScope,
    /// A resource is malformed, unknown, or not allowed for the client.
    #[error("the client may not ask for tokens for this resource")]
    InvalidTarget,
    /// A component that the service depends on is unavailable.
    #[error("try again shortly")]
    TemporarilyUnavailable,
    /// A rate limit was reached. The body does not contain the time to wait.
    #[error("too many requests, try again later")]
    Throttled(Throttled),
    /// An internal error.
    #[error("internal server error")]
    ServerError,
}

impl OauthError {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::OtherMethod | Self::TooLarge | Self::Encoded => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::TemporarilyUnavailable | Self::Throttled(_) => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest(_)
            | Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget => StatusCode::BAD_REQUEST,
            Self::OtherMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Logs a failure of the service, and makes the response for it, which does not contain the cause.
    fn failed(cause: &dyn std::error::Error, is_transient: bool) -> Self {
        if is_transient {
            tracing::warn!(error = %cause, "oauth2.unavailable");
            Self::TemporarilyUnavailable
        } else {
            tracing::error!(error = %cause, "oauth2.failed");
            Self::ServerError
        }
    }
}

impl ResponseError for OauthError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.insert_header((CACHE_CONTROL, "no-store"));
        // RFC 9110 §15.5.2 requires a challenge with every 401.
        if self.status() == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Basic realm=\"latchkey\", charset=\"UTF-8\""));
        }
        match self {
            Self::TemporarilyUnavailable => drop(response.insert_header((RETRY_AFTER, "1"))),
            Self::Encoded => drop(response.insert_header((ACCEPT_ENCODING, "identity"))),
            Self::Throttled(Throttled { retry_after_s }) => {
                response.insert_header((RETRY_AFTER, retry_after_s.to_string()));
            }
            _ => {}
        }
        response.json(OauthErrorBody { error: self.code(), error_description: self.to_string() })
    }
}

impl From<TokenError> for OauthError {
    fn from(error: TokenError) -> Self {
        Self::failed(&error, error.is_transient())
    }
}

impl From<AccountError> for OauthError {
    fn from(error: AccountError) -> Self {
        if let AccountError::Throttled(throttled) = error {
            return Self::Throttled(throttled);
        }
        Self::failed(&error, error.is_transient())
    }
}

impl From<ClientsError> for OauthError {
    fn from(error: ClientsError) -> Self {
        Self::failed(&error, error.is_transient())
    }
}

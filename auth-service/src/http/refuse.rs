//! Maps use-case errors to problem responses (RFC 9457) of the first-party endpoints.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use service_kit::http::HttpError;

use crate::accounts::AccountError;
use crate::domain::Throttled;
use crate::tokens::TokenError;

impl From<TokenError> for HttpError {
    fn from(error: TokenError) -> Self {
        failed(&error, error.is_transient())
    }
}

impl From<AccountError> for HttpError {
    fn from(error: AccountError) -> Self {
        failed(&error, error.is_transient())
    }
}

fn failed(cause: &dyn std::error::Error, is_transient: bool) -> HttpError {
    if is_transient { HttpError::unavailable(1).with_cause(cause) } else { HttpError::internal(cause) }
}

/// The response to every failed login, whatever the reason.
pub(super) fn bad_credentials() -> HttpError {
    HttpError::new(StatusCode::UNAUTHORIZED, "Incorrect username or password")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The response to every refused refresh token, whatever the reason.
pub(super) fn bad_refresh_token() -> HttpError {
    HttpError::new(StatusCode::UNAUTHORIZED, "The refresh token is invalid, expired or was used before")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The response when a rate limit was reached. The time to wait is only in the `Retry-After` header, so that the body
/// is always the same.
pub(super) fn throttled(Throttled { retry_after_s }: Throttled) -> HttpError {
    HttpError::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests, try again later")
        .with_header(RETRY_AFTER, HeaderValue::from(retry_after_s))
}

pub(super) fn unknown_scope() -> HttpError {
    HttpError::new(StatusCode::BAD_REQUEST, "The requested scope is unknown or more than may be given")
}

pub(super) fn not_found() -> HttpError {
    HttpError::new(StatusCode::NOT_FOUND, "Not found")
}

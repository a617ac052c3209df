//! Maps the errors of the use cases to problem responses (RFC 9457) of the first-party endpoints.

use service_kit::http::HttpError;

use super::grants::too_many_requests;
use crate::accounts::AccountError;
use crate::tokens::TokenError;

impl From<TokenError> for HttpError {
    fn from(error: TokenError) -> Self {
        failed(&error, error.is_transient())
    }
}

impl From<AccountError> for HttpError {
    fn from(error: AccountError) -> Self {
        if let AccountError::Throttled(throttled) = error {
            return too_many_requests(throttled);
        }
        failed(&error, error.is_transient())
    }
}

fn failed(cause: &dyn std::error::Error, is_transient: bool) -> HttpError {
    if is_transient { HttpError::unavailable(1).with_cause(cause) } else { HttpError::internal(cause) }
}

//! Maps the errors of the use cases to responses.

use actix_web::http::StatusCode;
use service_kit::http::HttpError;

use crate::todos::WriteError;

/// The response for a todo that does not exist or belongs to another user, and for an id that is not valid.
pub(super) fn not_found() -> HttpError {
    HttpError::new(StatusCode::NOT_FOUND, "Todo not found")
}

pub(super) fn write_error(error: WriteError) -> HttpError {
    match error {
        WriteError::LimitReached(why) => HttpError::new(StatusCode::CONFLICT, why.to_string()),
        WriteError::Database(error) => error.into(),
    }
}

//! Errors of the use cases as answers.

use actix_web::http::StatusCode;
use service_kit::http::Refusal;

use crate::todos::WriteError;

/// The answer for a todo that is not there, is somebody else's, or cannot be.
pub(super) fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "Todo not found")
}

pub(super) fn write_error(error: WriteError) -> Refusal {
    match error {
        WriteError::NoRoom(why) => Refusal::new(StatusCode::CONFLICT, why.to_string()),
        WriteError::Database(error) => error.into(),
    }
}

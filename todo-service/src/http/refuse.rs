//! Errors of the use cases as answers.

use actix_web::http::StatusCode;
use service_kit::http::Refusal;

use crate::todos::CreateError;

/// The answer for a todo that is not there, is somebody else's, or cannot be.
pub(super) fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "Todo not found")
}

pub(super) fn create_error(error: CreateError) -> Refusal {
    match error {
        CreateError::TooMany(limit) => Refusal::new(
            StatusCode::CONFLICT,
            format!("At most {limit} todos are allowed: delete some to create more"),
        ),
        CreateError::Database(error) => error.into(),
    }
}

//! Error responses: problem details (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use shared_claims::actix::ProblemResponse;
use shared_claims::problem::{FieldError, Problem};

use crate::database::DatabaseError;

/// Renders a problem as a response.
pub fn problem_response(problem: Problem) -> HttpResponse {
    ProblemResponse::new(problem).error_response()
}

/// An error with two parts: the problem for the client, and the cause for the log, which is never sent.
#[derive(Debug)]
pub struct HttpError {
    response: ProblemResponse,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

impl HttpError {
    /// An error whose title is the status' reason phrase.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        // `actix-web` and `shared-claims` use two versions of the crate `http`.
        let code =
            http::StatusCode::from_u16(status.as_u16()).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        ProblemResponse::of(code, detail).into()
    }

    /// A 404 response.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    /// A 422 response for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::from(Problem::validation(vec![FieldError { field: field.into(), message: message.into() }]))
    }

    /// A 503 response with `Retry-After`.
    pub fn unavailable(retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Service temporarily unavailable, try again shortly")
            .with_header(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// A 500 response for a fault of the service. The cause is only logged.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error").with_cause(cause)
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the cause, which is only logged.
    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The problem that the client gets.
    pub fn problem(&self) -> &Problem {
        self.response.problem()
    }
}

impl From<ProblemResponse> for HttpError {
    fn from(response: ProblemResponse) -> Self {
        Self { response, headers: Vec::new(), cause: None }
    }
}

impl From<Problem> for HttpError {
    fn from(problem: Problem) -> Self {
        ProblemResponse::new(problem).into()
    }
}

impl From<DatabaseError> for HttpError {
    fn from(error: DatabaseError) -> Self {
        if error.is_transient() { Self::unavailable(1).with_cause(error) } else { Self::internal(error) }
    }
}

/// The text for the log: the cause, if there is one.
impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.as_deref().unwrap_or(&self.problem().detail))
    }
}

impl std::error::Error for HttpError {}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        self.response.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.response.error_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

//! Error responses: problem details (RFC 9457) with the headers that belong to them.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http as actix_http;
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};

use crate::bearer::BearerError;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::require::Denied;
use crate::verifier::{Missing, VerifyError};

/// A [`Problem`] as an HTTP response. A handler or an extractor can return it as its error.
///
/// ```
/// use shared_claims::actix::ProblemResponse;
/// use shared_claims::http::StatusCode;
///
/// async fn note(id: &str) -> Result<String, ProblemResponse> {
///     Err(ProblemResponse::of(StatusCode::NOT_FOUND, format!("There is no note {id}")))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ProblemResponse {
    // Boxed, because it is the error type of many `Result`s and a large error makes each of them large.
    inner: Box<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    problem: Problem,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ProblemResponse {
    /// A response with this problem as its body.
    ///
    /// ```
    /// use shared_claims::actix::ProblemResponse;
    /// use shared_claims::http::header::{ALLOW, HeaderValue};
    /// use shared_claims::problem::Problem;
    ///
    /// let problem = Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, "Notes are not deleted");
    /// let response = ProblemResponse::new(problem).header(ALLOW, HeaderValue::from_static("GET"));
    /// assert_eq!(response.retry_after(60).problem().status, 405);
    /// ```
    pub fn new(problem: Problem) -> Self {
        Self { inner: Box::new(Inner { problem, headers: Vec::new() }) }
    }

    /// A problem of type `about:blank`, whose title is the status' reason phrase.
    pub fn of(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(Problem::new(status, detail))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The problem in the response's body.
    pub fn problem(&self) -> &Problem {
        &self.inner.problem
    }

    /// Response to a request without credentials: 401 and a `WWW-Authenticate` challenge without an error code (RFC
    /// 6750 §3).
    ///
    /// ```
    /// use shared_claims::actix::ProblemResponse;
    ///
    /// let statuses = [
    ///     ProblemResponse::no_credentials(),
    ///     ProblemResponse::ambiguous_credentials(),
    ///     ProblemResponse::invalid_token(),
    ///     ProblemResponse::foreign_origin(),
    ///     ProblemResponse::unavailable(),
    /// ]
    /// .map(|response| response.problem().status);
    /// assert_eq!(statuses, [401, 400, 401, 403, 503]);
    /// ```
    pub fn no_credentials() -> Self {
        BearerError::NoCredentials.into()
    }

    /// Response to a request that sends its credentials in more than one way: 400 (RFC 6750 §3.1).
    pub fn ambiguous_credentials() -> Self {
        BearerError::AmbiguousCredentials.into()
    }

    /// Response to a token that is not accepted: 401 (RFC 6750 §3.1).
    pub fn invalid_token() -> Self {
        BearerError::INVALID_TOKEN.into()
    }

    /// Response to a request authenticated by cookie that may come from another site: 403.
    pub fn foreign_origin() -> Self {
        BearerError::ForeignOrigin.into()
    }

    /// Response when a token cannot be checked now: 503.
    pub fn unavailable() -> Self {
        VerifyError::Unavailable(Missing::Keys).into()
    }
}

impl From<BearerError> for ProblemResponse {
    fn from(error: BearerError) -> Self {
        let mut response = Self::new(error.problem());
        response.inner.headers.extend(error.headers());
        response
    }
}

impl From<VerifyError> for ProblemResponse {
    fn from(error: VerifyError) -> Self {
        BearerError::from(error).into()
    }
}

/// Responds with 403 (RFC 6750 §3.1).
impl From<Denied> for ProblemResponse {
    fn from(denied: Denied) -> Self {
        BearerError::from(denied).into()
    }
}

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self::new(problem)
    }
}

impl fmt::Display for ProblemResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.inner.problem.status, self.inner.problem.detail)
    }
}

impl std::error::Error for ProblemResponse {}

impl ResponseError for ProblemResponse {
    fn status_code(&self) -> actix_http::StatusCode {
        let status = actix_http::StatusCode::from_u16(self.inner.problem.status);
        status.unwrap_or(actix_http::StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.inner.headers {
            // actix-web uses http 0.2. Every valid value of http 1 is valid there.
            if let Ok(value) = actix_http::header::HeaderValue::from_bytes(value.as_bytes()) {
                response.append_header((name.as_str(), value));
            }
        }
        response.insert_header((CONTENT_TYPE.as_str(), PROBLEM_JSON));
        response.body(self.inner.problem.to_json())
    }
}

impl Responder for ProblemResponse {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        self.error_response()
    }
}

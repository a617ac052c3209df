//! Problem details (RFC 9457): the error body of the first-party API and of every resource server.
//!
//! ```
//! use shared_claims::problem::{PROBLEM_JSON, Problem};
//!
//! let problem = Problem::new(http::StatusCode::NOT_FOUND, "There is no note 7");
//! let body = serde_json::json!({
//!     "type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no note 7",
//! });
//! assert_eq!(serde_json::to_value(&problem)?, body);
//! assert_eq!(PROBLEM_JSON, "application/problem+json");
//! # Ok::<(), serde_json::Error>(())
//! ```

use serde::{Deserialize, Serialize};

/// The media type of [`Problem`].
///
/// ```
/// assert_eq!(shared_claims::problem::PROBLEM_JSON, "application/problem+json");
/// ```
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A field of the request that is not valid.
///
/// ```
/// use shared_claims::problem::{FieldError, Problem};
///
/// let error = FieldError { field: "title".to_owned(), message: "has 1 to 200 characters".to_owned() };
/// assert_eq!(Problem::validation(vec![error]).detail, "title: has 1 to 200 characters");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The name of the member or parameter.
    pub field: String,
    /// The rule that the field must follow.
    pub message: String,
}

/// Problem details as data. `detail` is written for the user of the front end.
///
/// ```
/// use shared_claims::problem::Problem;
///
/// let gone: Problem = Problem::new(http::StatusCode::GONE, "Start again without a cursor");
/// assert_eq!((gone.status, gone.title.as_str()), (410, "Gone"));
/// assert_eq!(Problem::validation(Vec::new()).status, 422);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that identifies the type of problem; `about:blank` if the status code explains it.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short description of the type; for `about:blank` the status' reason phrase.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened in this request. Safe to show to the client.
    pub detail: String,
    /// The fields that are not valid (422 only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of type `about:blank`, whose title is the status' reason phrase.
    pub fn new(status: http::StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// A validation failure: 422 with the fields that are not valid.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = errors.first().map_or_else(
            || "The request is not valid".to_owned(),
            |first| format!("{}: {}", first.field, first.message),
        );
        Self { errors, ..Self::new(http::StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// The problem as a response body.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // A struct of strings and numbers always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

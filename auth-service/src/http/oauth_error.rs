//! Errors of the standards face (RFC 6749 §5.2).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use utoipa::ToSchema;

/// The body.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OauthErrorBody {
    #[schema(example = "invalid_request")]
    error: &'static str,
    error_description: String,
}

/// What a client did wrong, or what keeps us from answering.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OauthError {
    /// The request is malformed: a parameter is missing, or given twice.
    InvalidRequest(&'static str),
    /// The body is larger than is read.
    TooLarge,
    /// The client is unknown, or did not authenticate as it must. `by_header`: it tried with `Authorization`.
    InvalidClient {
        /// Whether the client used the `Authorization` header.
        by_header: bool,
    },
    /// Something that we need does not answer now.
    TemporarilyUnavailable,
    /// The fault is ours.
    ServerError,
}

impl OauthError {
    pub(super) fn response(&self) -> HttpResponse {
        let (status, error, description) = match self {
            Self::InvalidRequest(what) => (StatusCode::BAD_REQUEST, "invalid_request", *what),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is larger than 64 KiB")
            }
            Self::InvalidClient { .. } => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "the client is unknown or did not authenticate")
            }
            Self::TemporarilyUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again shortly")
            }
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the fault is ours"),
        };
        let mut answer = HttpResponse::build(status);
        answer.insert_header((CACHE_CONTROL, "no-store"));
        match self {
            Self::InvalidClient { by_header: true } => {
                answer.insert_header((WWW_AUTHENTICATE, "Basic realm=\"latchkey\""));
            }
            Self::TemporarilyUnavailable => {
                answer.insert_header((RETRY_AFTER, "1"));
            }
            Self::InvalidClient { by_header: false }
            | Self::InvalidRequest(_)
            | Self::TooLarge
            | Self::ServerError => {}
        }
        answer.json(OauthErrorBody { error, error_description: description.to_owned() })
    }
}

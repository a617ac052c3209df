//! The responses that the layer sends itself.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response};

use super::body::ResponseBody;
use crate::bearer::BearerError;
use crate::problem::PROBLEM_JSON;
use crate::verifier::VerifyError;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The header that says after how many milliseconds a client may retry (gRFC A6).
const RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

const PERMISSION_DENIED: u16 = 7;
const UNAVAILABLE: u16 = 14;
const UNAUTHENTICATED: u16 = 16;

/// The media types of gRPC. The message format may follow after a `+`.
const GRPC_MEDIA_TYPES: [&str; 3] = ["application/grpc", "application/grpc-web", "application/grpc-web-text"];

/// The form in which a client expects responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseForm {
    Http,
    /// gRPC, with this media type.
    Grpc(&'static str),
}

impl ResponseForm {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        grpc_media_type(request).map_or(Self::Http, Self::Grpc)
    }

    pub(super) fn response<D>(self, error: BearerError) -> Response<ResponseBody<D>> {
        match self {
            Self::Http => problem_response(error),
            Self::Grpc(media_type) => grpc_response(error, media_type),
        }
    }
}

fn problem_response<D>(error: BearerError) -> Response<ResponseBody<D>> {
    let mut response = Response::new(ResponseBody::of_layer(error.problem().to_json()));
    *response.status_mut() = error.status();
    response.headers_mut().extend(error.headers());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response
}

/// The gRPC media type of a request; `None` if it is not a gRPC call.
fn grpc_media_type<B>(request: &Request<B>) -> Option<&'static str> {
    let sent = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let sent = sent.split([';', '+']).next()?.trim();
    let known = GRPC_MEDIA_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(sent));
    known.filter(|_| request.method() == Method::POST)
}

/// A refusal in the form of gRPC: a status in the headers and no message ("Trailers-Only" in gRPC over HTTP/2).
fn grpc_response<D>(error: BearerError, media_type: &'static str) -> Response<ResponseBody<D>> {
    let mut response = Response::new(ResponseBody::of_layer(Vec::new()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(GRPC_STATUS, grpc_status(error).into());
    // The details are ASCII texts without characters that gRPC percent-encodes.
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(error.detail()));
    if let Some(challenge) = error.challenge() {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(RETRY_PUSHBACK, (u64::from(seconds) * 1000).into());
    }
    response
}

fn grpc_status(error: BearerError) -> u16 {
    match error {
        BearerError::NotVerified(VerifyError::Unavailable(_)) => UNAVAILABLE,
        BearerError::NoCredentials
        | BearerError::AmbiguousCredentials
        | BearerError::AmbiguousCookie
        | BearerError::NotVerified(_) => UNAUTHENTICATED,
        BearerError::ForeignOrigin | BearerError::Denied(_) => PERMISSION_DENIED,
    }
}

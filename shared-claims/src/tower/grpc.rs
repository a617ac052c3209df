//! Refusals in the form of gRPC: a status in the headers and no message ("Trailers-Only" in gRPC over HTTP/2).

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response};

use super::body::ResponseBody;
use crate::bearer::Refusal;
use crate::verifier::VerifyError;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The header that says after how many milliseconds a client may retry (gRFC A6).
const RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

const PERMISSION_DENIED: u16 = 7;
const UNAVAILABLE: u16 = 14;
const UNAUTHENTICATED: u16 = 16;

/// The media types of gRPC. The message format may follow after a `+`.
const MEDIA_TYPES: [&str; 3] = ["application/grpc", "application/grpc-web", "application/grpc-web-text"];

/// The gRPC media type of a request; `None` if it is not a gRPC call.
pub(super) fn media_type<B>(request: &Request<B>) -> Option<&'static str> {
    let sent = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let sent = sent.split([';', '+']).next()?.trim();
    let known = MEDIA_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(sent));
    known.filter(|_| request.method() == Method::POST)
}

pub(super) fn answer<D>(refusal: Refusal, media_type: &'static str) -> Response<ResponseBody<D>> {
    let mut answer = Response::new(ResponseBody::of_layer(Vec::new()));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(STATUS, status(refusal).into());
    // The details are ASCII texts without characters that gRPC percent-encodes.
    headers.insert(MESSAGE, HeaderValue::from_static(refusal.detail()));
    if let Some(challenge) = refusal.challenge() {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_PUSHBACK, (u64::from(seconds) * 1000).into());
    }
    answer
}

fn status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::NotVerified(VerifyError::Unavailable(_)) => UNAVAILABLE,
        Refusal::NoCredentials
        | Refusal::AmbiguousCredentials
        | Refusal::AmbiguousCookie
        | Refusal::NotVerified(_) => UNAUTHENTICATED,
        Refusal::ForeignOrigin | Refusal::Denied(_) => PERMISSION_DENIED,
    }
}

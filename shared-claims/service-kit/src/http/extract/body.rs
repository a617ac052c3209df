//! Reads a request body of limited size.

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::http::{StatusCode, header};
use actix_web::web::BytesMut;
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;

use crate::http::HttpError;

/// The size limit of a body: 64 KiB.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Reads the whole body as UTF-8. A body above the limit is refused; if its `Content-Length` says so, before it is
/// read.
pub(super) async fn text(request: &HttpRequest, payload: &mut Payload) -> Result<String, HttpError> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(too_large());
    }
    text_or(payload, |_| None).await
}

/// Reads a body as [`text`] does, but reads the first [`BODY_LIMIT`] bytes of a body above the limit, and `explain` may
/// return a better refusal for them.
pub(super) async fn text_or(
    payload: &mut Payload,
    explain: impl FnOnce(&str) -> Option<HttpError>,
) -> Result<String, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| malformed("The body ended early").with_cause(error))?;
        let room = BODY_LIMIT - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            // The last character may be incomplete.
            let beginning = body.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            return Err(explain(beginning).unwrap_or_else(too_large));
        }
    }
    String::from_utf8(body.into()).map_err(|_| malformed("The body is not UTF-8"))
}

fn too_large() -> HttpError {
    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB")
}

pub(super) fn malformed(detail: &str) -> HttpError {
    HttpError::new(StatusCode::BAD_REQUEST, detail)
}

/// Refuses a body with a `Content-Encoding` (RFC 9110 §15.5.16): a small compressed body may decompress to a large one,
/// and no client needs it.
pub fn require_identity_encoding(request: &HttpRequest) -> Result<(), HttpError> {
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING);
    if codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let refusal =
        HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must not have a Content-Encoding");
    Err(refusal.with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

/// Requires a form. Its parameters are percent-encoded UTF-8, whatever `charset` says: the media type has no such
/// parameter, and some clients add their platform's.
pub(super) fn require_form(request: &HttpRequest, form: &str) -> Result<(), HttpError> {
    require_identity_encoding(request)?;
    if request.content_type().eq_ignore_ascii_case(form) {
        return Ok(());
    }
    Err(wrong_type(form))
}

/// Requires a media type. A `charset` must be UTF-8.
pub(super) fn require_type(
    request: &HttpRequest,
    allowed: &str,
    is_allowed: impl Fn(&str) -> bool,
) -> Result<(), HttpError> {
    require_identity_encoding(request)?;
    let kind = request.content_type().to_ascii_lowercase();
    let is_utf8 = request.encoding().is_ok_and(|encoding| encoding.name() == "UTF-8");
    if is_allowed(&kind) && is_utf8 {
        return Ok(());
    }
    Err(wrong_type(allowed))
}

fn wrong_type(allowed: &str) -> HttpError {
    HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The body must be {allowed}"))
}

/// Whether this member may contain NUL. Only passwords may: they are hashed and never stored as text.
pub(super) fn may_contain_nul(name: &str) -> bool {
    name.ends_with("password")
}

pub(super) fn contains_nul(name: &str) -> HttpError {
    malformed(&format!("{name} contains a NUL character"))
}

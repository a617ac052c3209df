//! Reads a request body of limited size, and turns serde's errors into problems that name the field.

use std::fmt::Display;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::BytesMut;
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use shared_claims::problem::{FieldError, Problem};

use super::HttpError;

/// The size limit of a body: 64 KiB.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It has a `Content-Encoding` (RFC 9110 §15.5.16): a small compressed body may decompress to a large one, and no
    /// client needs it.
    Encoded,
    /// It is not of this media type.
    OtherType(&'static str),
    /// It is larger than [`BODY_LIMIT`].
    TooLarge,
    /// The connection ended before it was complete, for this reason.
    EndedEarly(String),
    /// The body, or a parameter in it, is not UTF-8.
    NotUtf8,
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Encoded => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must not have a Content-Encoding")
                    .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            }
            BodyError::OtherType(allowed) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The body must be {allowed}"))
            }
            BodyError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB"),
            BodyError::EndedEarly(cause) => malformed("The body ended early").with_cause(cause),
            BodyError::NotUtf8 => malformed("The body is not UTF-8"),
        }
    }
}

/// A body, as far as it was read.
enum Body {
    Whole(String),
    /// The first [`BODY_LIMIT`] bytes of a larger body, up to the last whole character.
    Beginning(String),
}

/// Reads the whole body as UTF-8. A body above the limit is refused; if its `Content-Length` says so, before it is
/// read.
pub(super) async fn text(request: &HttpRequest, payload: &mut Payload) -> Result<String, BodyError> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(BodyError::TooLarge);
    }
    match read(payload).await? {
        Body::Whole(text) => Ok(text),
        Body::Beginning(_) => Err(BodyError::TooLarge),
    }
}

/// Reads a body as [`text`] does, but reads the first [`BODY_LIMIT`] bytes of a body above the limit, and `explain` may
/// return a better error for them.
pub(super) async fn text_or(
    payload: &mut Payload,
    explain: impl FnOnce(&str) -> Option<HttpError>,
) -> Result<String, HttpError> {
    match read(payload).await? {
        Body::Whole(text) => Ok(text),
        Body::Beginning(beginning) => Err(explain(&beginning).unwrap_or_else(|| BodyError::TooLarge.into())),
    }
}

async fn read(payload: &mut Payload) -> Result<Body, BodyError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| BodyError::EndedEarly(error.to_string()))?;
        let room = BODY_LIMIT - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            // The last character may be incomplete.
            let beginning = body.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            return Ok(Body::Beginning(beginning.to_owned()));
        }
    }
    String::from_utf8(body.into()).map(Body::Whole).map_err(|_| BodyError::NotUtf8)
}

pub(super) fn malformed(detail: &str) -> HttpError {
    HttpError::new(StatusCode::BAD_REQUEST, detail)
}

fn require_identity_encoding(request: &HttpRequest) -> Result<(), BodyError> {
    let mut codings = request.headers().get_all(header::CONTENT_ENCODING);
    let is_identity = codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_identity { Ok(()) } else { Err(BodyError::Encoded) }
}

/// Requires a form. Its parameters are percent-encoded UTF-8, whatever `charset` says: the media type has no such
/// parameter, and some clients add their platform's.
pub(super) fn require_form(request: &HttpRequest, form: &'static str) -> Result<(), BodyError> {
    require_identity_encoding(request)?;
    let is_form = request.content_type().eq_ignore_ascii_case(form);
    if is_form { Ok(()) } else { Err(BodyError::OtherType(form)) }
}

/// Requires a media type. A `charset` must be UTF-8.
pub(super) fn require_type(
    request: &HttpRequest,
    allowed: &'static str,
    is_allowed: impl Fn(&str) -> bool,
) -> Result<(), BodyError> {
    require_identity_encoding(request)?;
    let kind = request.content_type().to_ascii_lowercase();
    let is_utf8 = request.encoding().is_ok_and(|encoding| encoding.name() == "UTF-8");
    if is_allowed(&kind) && is_utf8 { Ok(()) } else { Err(BodyError::OtherType(allowed)) }
}

/// Whether this member may contain NUL. Only passwords may: they are hashed and never stored as text.
pub(super) fn may_contain_nul(name: &str) -> bool {
    name.ends_with("password")
}

pub(super) fn contains_nul(name: &str) -> HttpError {
    malformed(&format!("{name} contains a NUL character"))
}

/// A 422 response for a value of the wrong type or form. `path` is the position of the value.
pub(super) fn invalid_value(path: &str, error: &impl Display) -> HttpError {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let (field, message) = describe(path, text);
    HttpError::from(Problem::validation(vec![FieldError { field, message }])).with_cause(message_prefix(text))
}

fn describe(path: &str, text: &str) -> (String, String) {
    let named = |prefix: &str| {
        let rest = text.strip_prefix(prefix)?;
        rest.strip_prefix('`')?.split('`').next().map(str::to_owned)
    };
    let below = |name: String| if path == "." { name } else { format!("{path}.{name}") };
    if let Some(name) = named("missing field ") {
        return (below(name), "is required".to_owned());
    }
    if let Some(name) = named("duplicate field ") {
        return (below(name), "is given twice".to_owned());
    }
    if let Some(name) = named("unknown field ") {
        return (below(name), "is unknown".to_owned());
    }
    let field = if path == "." { "body".to_owned() } else { path.to_owned() };
    // serde puts the value before the word `expected`. It is removed: the client knows the value, and it does not have
    // to be logged.
    let message = match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {}", json_type_name(expected)),
        None => rewrite_message(text).to_owned(),
    };
    (field, message)
}

/// Describes Rust's types in terms of JSON.
fn json_type_name(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        structure if structure.starts_with("struct ") => "an object",
        other => other,
    }
}

/// Rewords the standard library's messages about numbers in a form.
fn rewrite_message(text: &str) -> &str {
    match text {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number"
        }
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "provided string was not `true` or `false`" => "must be true or false",
        value if value.starts_with("invalid ") => "is not valid",
        other => other,
    }
}

/// The first words of the message, without any value.
fn message_prefix(text: &str) -> String {
    text.split([':', '`']).next().unwrap_or_default().trim().to_owned()
}

//! Extractors that refuse invalid input with a problem that names the field: JSON bodies, forms, query strings and path
//! parameters.

use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;
use url::form_urlencoded;

use super::HttpError;
use super::body::{self, BodyError, contains_nul, invalid_value, malformed, may_contain_nul};

/// A JSON object as the body. Refused with 415 for another content type, 413 above [`BODY_LIMIT`](super::BODY_LIMIT),
/// 400 for invalid JSON, and 422 with the field for a value that does not fit `T`. A NUL character outside passwords is
/// refused with 400.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The parsed body.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned> Json<T> {
    /// Reads the body like the extractor. For a body above the limit, `explain` gets its first
    /// [`BODY_LIMIT`](super::BODY_LIMIT) bytes and may return another error than 413.
    pub async fn read_or_else(
        request: &HttpRequest,
        payload: &mut Payload,
        explain: impl FnOnce(&str) -> Option<HttpError>,
    ) -> Result<T, HttpError> {
        body::require_type(request, "application/json", is_json)?;
        parse_json(&body::text_or(payload, explain).await?)
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            body::require_type(&request, "application/json", is_json)?;
            parse_json(&body::text(&request, &mut payload).await?).map(Self)
        })
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, HttpError> {
    // serde would also fill a struct from an array, by position.
    if !text.trim_start().starts_with('{') {
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        return Err(if is_json { HttpError::field("body", "must be an object") } else { not_json() });
    }
    if text.contains("\\u0000")
        && let Ok(tree) = serde_json::from_str::<Value>(text)
    {
        reject_nul("body", &tree)?;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        match error.inner().classify() {
            Category::Data => invalid_value(&path, error.inner()),
            Category::Io | Category::Syntax | Category::Eof => not_json(),
        }
    })?;
    reader.end().map_err(|_| not_json())?;
    Ok(value)
}

fn not_json() -> HttpError {
    malformed("The body is not valid JSON")
}

fn reject_nul(name: &str, value: &Value) -> Result<(), HttpError> {
    match value {
        Value::String(text) if text.contains('\0') && !may_contain_nul(name) => Err(contains_nul(name)),
        Value::Array(items) => items.iter().try_for_each(|item| reject_nul(name, item)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| reject_nul(name, value)),
        _ => Ok(()),
    }
}

/// A form body. Refused with 415 for another content type, 413 above [`BODY_LIMIT`](super::BODY_LIMIT), 400 for invalid
/// UTF-8, and 422 with the field for a value that does not fit `T`. A NUL character outside passwords is refused with
/// 400.
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

/// The query string. Refused like a [`Form`].
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T> Form<T> {
    /// The parsed form.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Query<T> {
    /// The parsed query.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Form<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move { parse_parameters(&form_body(&request, &mut payload).await?).map(Self) })
    }
}

/// Reads a form body of limited size. [`parameters`] reads its parameters.
///
/// # Errors
/// If the body is not a form, is encoded or too large, ends early, or is not UTF-8.
pub async fn form_body(request: &HttpRequest, payload: &mut Payload) -> Result<String, BodyError> {
    body::require_form(request, FORM)?;
    body::text(request, payload).await
}

/// The names and values in a form or a query string, decoded and in their order. A `%` that does not begin an escape
/// stands for itself, as in browsers.
///
/// # Errors
/// If a name or a value is not UTF-8. The parser would replace such bytes, so that two different names could become
/// equal.
pub fn parameters(text: &str) -> Result<form_urlencoded::Parse<'_>, BodyError> {
    percent_decode_str(text).decode_utf8().map_err(|_| BodyError::NotUtf8)?;
    Ok(form_urlencoded::parse(text.as_bytes()))
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_parameters(request.query_string()).map(Self))
    }
}

fn parse_parameters<T: DeserializeOwned>(text: &str) -> Result<T, HttpError> {
    let parameters = parameters(text).map_err(|_| malformed("The parameters are not UTF-8"))?;
    for (name, value) in parameters {
        if name.contains('\0') || (value.contains('\0') && !may_contain_nul(&name)) {
            return Err(contains_nul(&name.replace('\0', "")));
        }
    }
    let reader = serde_urlencoded::Deserializer::new(parameters);
    serde_path_to_error::deserialize(reader)
        .map_err(|error| invalid_value(&error.path().to_string(), error.inner()))
}

/// The parameters in the path. A value that does not fit `T` cannot name a resource: 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T> Path<T> {
    /// The parsed parameters.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Path<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parts = web::Path::<T>::from_request(request, payload).into_inner();
        ready(match parts {
            Ok(parts) => Ok(Self(parts.into_inner())),
            Err(_) => Err(HttpError::new(StatusCode::NOT_FOUND, "Not found")),
        })
    }
}

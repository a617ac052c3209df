//! JSON bodies.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;

use super::body::{self, contains_nul, malformed, may_contain_nul};
use super::refuse::invalid_value;
use crate::http::HttpError;

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
    /// [`BODY_LIMIT`](super::BODY_LIMIT) bytes and may return another refusal than 413.
    pub async fn read_or_else(
        request: &HttpRequest,
        payload: &mut Payload,
        explain: impl FnOnce(&str) -> Option<HttpError>,
    ) -> Result<T, HttpError> {
        body::require_type(request, "application/json", is_json)?;
        parse(&body::text_or(payload, explain).await?)
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
            parse(&body::text(&request, &mut payload).await?).map(Self)
        })
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, HttpError> {
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

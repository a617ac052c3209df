//! Forms and query strings, which have the same format.

use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::body::{self, BodyError, contains_nul, malformed, may_contain_nul};
use super::refuse::invalid_value;
use crate::http::HttpError;

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
        Box::pin(async move { parse(&form_body(&request, &mut payload).await?).map(Self) })
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
/// If a name or a value is not UTF-8. The parser would replace such bytes, so that two different names become one.
pub fn parameters(text: &str) -> Result<form_urlencoded::Parse<'_>, BodyError> {
    percent_decode_str(text).decode_utf8().map_err(|_| BodyError::NotUtf8)?;
    Ok(form_urlencoded::parse(text.as_bytes()))
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, HttpError> {
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

//! Forms and query strings, which have the same format.

use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::body::{self, contains_nul, malformed, may_contain_nul};
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
        Box::pin(async move {
            body::require_form(&request, FORM)?;
            parse(&body::text(&request, &mut payload).await?).map(Self)
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, HttpError> {
    // The parser below would replace what is not UTF-8, and two names become one.
    if percent_decode_str(text).decode_utf8().is_err() {
        return Err(malformed("The parameters are not UTF-8"));
    }
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if name.contains('\0') || (value.contains('\0') && !may_contain_nul(&name)) {
            return Err(contains_nul(&name.replace('\0', "")));
        }
    }
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(reader)
        .map_err(|error| invalid_value(&error.path().to_string(), error.inner()))
}

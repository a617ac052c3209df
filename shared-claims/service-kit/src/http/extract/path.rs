//! Parameters in the path.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::http::HttpError;

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

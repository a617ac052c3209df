//! The two cookies of the first-party face: no script sees a token, and no other service the refresh token.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponseBuilder};

use crate::tokens::TokenAnswer;

/// How cookies are named and set.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    is_secure: bool,
}

impl Cookies {
    /// `Secure`, with the name prefixes that need it; or neither, in development.
    pub fn new(is_secure: bool) -> Self {
        Self { is_secure }
    }

    /// The name of the cookie with the access token.
    pub fn access_name(self) -> &'static str {
        if self.is_secure { "__Host-access_token" } else { "access_token" }
    }

    fn refresh_name(self) -> &'static str {
        if self.is_secure { "__Secure-refresh_token" } else { "refresh_token" }
    }

    /// The refresh token that the request carries. With an `Authorization` header, cookies are ignored.
    pub(super) fn refresh_token(self, request: &HttpRequest) -> Option<String> {
        if request.headers().contains_key(AUTHORIZATION) {
            return None;
        }
        request.cookie(self.refresh_name()).map(|cookie| cookie.value().to_owned())
    }

    /// Whether the request carries the cookie with the access token.
    pub(super) fn has_access_token(self, request: &HttpRequest) -> bool {
        request.cookie(self.access_name()).is_some()
    }

    /// Sets both.
    pub(super) fn set(self, answer: &mut HttpResponseBuilder, tokens: &TokenAnswer) {
        answer.cookie(self.access(tokens.access_token.clone(), tokens.expires_in));
        if let Some(refresh) = &tokens.refresh {
            answer.cookie(self.refresh(refresh.token.expose().to_owned(), refresh.expires_in));
        }
    }

    /// The two, emptied and of no age.
    pub(super) fn cleared(self) -> [Cookie<'static>; 2] {
        [self.access(String::new(), 0), self.refresh(String::new(), 0)]
    }

    /// Clears both.
    pub(super) fn clear(self, answer: &mut HttpResponseBuilder) {
        for cookie in self.cleared() {
            answer.cookie(cookie);
        }
    }

    fn access(self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.access_name(), value, "/", age)
    }

    fn refresh(self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.refresh_name(), value, "/auth", age)
    }

    fn cookie(self, name: &'static str, value: String, path: &'static str, age: i64) -> Cookie<'static> {
        Cookie::build(name, value)
            .path(path)
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::seconds(age))
            .finish()
    }
}

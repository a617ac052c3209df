//! The two cookies of the first-party face: no script sees a token, and no other service the refresh token.

use std::sync::Arc;

use actix_web::HttpResponseBuilder;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use service_kit::http::CookieSettings;

use crate::tokens::TokenAnswer;

/// How cookies are named and set. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cookies {
    names: Arc<Names>,
    is_secure: bool,
}

#[derive(Debug)]
struct Names {
    access: String,
    refresh: String,
}

impl Cookies {
    /// `Secure`, with the name prefixes that need it; or neither, in development.
    pub fn new(settings: &CookieSettings) -> Self {
        let names =
            Names { access: settings.access_token(), refresh: settings.name("__Secure-", "refresh_token") };
        Self { names: Arc::new(names), is_secure: settings.secure }
    }

    /// The name of the cookie with the access token.
    pub fn access_name(&self) -> &str {
        &self.names.access
    }

    /// The name of the cookie with the refresh token.
    pub(super) fn refresh_name(&self) -> &str {
        &self.names.refresh
    }

    /// Sets both.
    pub(super) fn set(&self, answer: &mut HttpResponseBuilder, tokens: &TokenAnswer) {
        answer.cookie(self.access(tokens.access_token.clone(), tokens.expires_in));
        if let Some(refresh) = &tokens.refresh {
            answer.cookie(self.refresh(refresh.token.expose().to_owned(), refresh.expires_in));
        }
    }

    /// The two, emptied and of no age.
    pub(super) fn cleared(&self) -> [Cookie<'static>; 2] {
        [self.access(String::new(), 0), self.refresh(String::new(), 0)]
    }

    /// Clears both.
    pub(super) fn clear(&self, answer: &mut HttpResponseBuilder) {
        for cookie in self.cleared() {
            answer.cookie(cookie);
        }
    }

    fn access(&self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.access_name(), value, "/", age)
    }

    fn refresh(&self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.refresh_name(), value, "/auth", age)
    }

    fn cookie(&self, name: &str, value: String, path: &'static str, age: i64) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value)
            .path(path)
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::seconds(age))
            .finish()
    }
}

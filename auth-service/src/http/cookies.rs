//! The two cookies of the first-party endpoints. Scripts cannot read them, and the refresh token is sent to this
//! service only.

use std::sync::Arc;

use actix_web::HttpResponseBuilder;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use service_kit::http::CookieRules;

use crate::tokens::IssuedTokens;

/// The names and attributes of the cookies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cookies {
    names: Arc<Names>,
    is_secure: bool,
    refresh_path: Arc<str>,
}

#[derive(Debug)]
struct Names {
    access: String,
    refresh: String,
}

impl Cookies {
    /// Builds cookies by these rules. `base_path` is the path of the issuer, under which browsers reach this service.
    pub fn new(rules: &CookieRules, base_path: &str) -> Self {
        let names = Names { access: rules.access_token(), refresh: rules.name("__Secure-", "refresh_token") };
        let refresh_path = format!("{base_path}/auth").into();
        Self { names: Arc::new(names), is_secure: rules.is_secure, refresh_path }
    }

    /// The name of the cookie with the access token.
    pub fn access_name(&self) -> &str {
        &self.names.access
    }

    /// The name of the cookie with the refresh token.
    pub(super) fn refresh_name(&self) -> &str {
        &self.names.refresh
    }

    /// Sets both cookies.
    pub(super) fn set(&self, answer: &mut HttpResponseBuilder, tokens: &IssuedTokens) {
        answer.cookie(self.access(tokens.access_token.clone(), tokens.expires_in));
        if let Some(refresh) = &tokens.refresh {
            answer.cookie(self.refresh(refresh.token.expose().to_owned(), refresh.expires_in));
        }
    }

    /// Both cookies with an empty value and a `Max-Age` of 0.
    pub(super) fn cleared(&self) -> [Cookie<'static>; 2] {
        [self.access(String::new(), 0), self.refresh(String::new(), 0)]
    }

    /// Deletes both cookies in the browser.
    pub(super) fn clear(&self, answer: &mut HttpResponseBuilder) {
        for cookie in self.cleared() {
            answer.cookie(cookie);
        }
    }

    fn access(&self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.access_name(), value, "/", age)
    }

    fn refresh(&self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.refresh_name(), value, &self.refresh_path, age)
    }

    fn cookie(&self, name: &str, value: String, path: &str, age: i64) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value)
            .path(path.to_owned())
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::seconds(age))
            .finish()
    }
}

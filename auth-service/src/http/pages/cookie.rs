//! The cookies of the pages: that of a browser session, which holds only a handle, and the choice of a language. No script can
//! read them.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use service_kit::http::CookieRules;
use shared_claims::actix::cookie;

use crate::domain::Handle;
use crate::pages::Locale;
use crate::sign_in::SignedInSession;

/// The name and attributes of the cookie. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct SessionCookie {
    name: Arc<str>,
    is_secure: bool,
}

/// The cookie came twice. A sibling domain may have set one of them, so neither is trusted.
#[derive(Debug)]
pub(super) struct CookieTwice;

impl SessionCookie {
    pub(super) fn new(rules: &CookieRules) -> Self {
        Self { name: rules.name("__Host-", "session").into(), is_secure: rules.is_secure }
    }

    /// Reads the handle; `None` if there is no cookie, or its value can be no handle.
    pub(super) fn read(&self, request: &HttpRequest) -> Result<Option<Handle>, CookieTwice> {
        let value = cookie(request, &self.name).map_err(|_| CookieTwice)?;
        Ok(value.and_then(Handle::parse))
    }

    /// The cookie after a sign-in. It lives until the absolute end of its session.
    pub(super) fn set(&self, signed_in: &SignedInSession, now_ms: i64) -> Cookie<'static> {
        self.renewed(&signed_in.handle, signed_in.current.session.expires_at_ms, now_ms)
    }

    /// The cookie for a session that got a new handle. It lives until this time.
    pub(super) fn renewed(&self, handle: &Handle, expires_at_ms: i64, now_ms: i64) -> Cookie<'static> {
        let left_ms = expires_at_ms.saturating_sub(now_ms);
        self.cookie(handle.expose().to_owned(), left_ms.div_euclid(1000).max(0))
    }

    /// The cookie that deletes the one that the browser has.
    pub(super) fn cleared(&self) -> Cookie<'static> {
        self.cookie(String::new(), 0)
    }

    fn cookie(&self, value: String, age_s: i64) -> Cookie<'static> {
        build(&self.name, value, self.is_secure, age_s)
    }
}

/// How long a choice of a language is kept: a year.
const LANGUAGE_AGE_S: i64 = 365 * 24 * 3600;

/// The cookie that keeps the language that a person chose. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LanguageCookie {
    name: Arc<str>,
    is_secure: bool,
}

impl LanguageCookie {
    pub(super) fn new(rules: &CookieRules) -> Self {
        Self { name: rules.name("", "lang").into(), is_secure: rules.is_secure }
    }

    /// Reads the choice. A value that is none counts as no choice, as do two of them.
    pub(super) fn read(&self, request: &HttpRequest) -> Option<Locale> {
        let value = cookie(request, &self.name).ok()??;
        Locale::ALL.into_iter().find(|locale| locale.lang() == value)
    }

    /// The cookie for this choice.
    pub(super) fn set(&self, locale: Locale) -> Cookie<'static> {
        build(&self.name, locale.lang().to_owned(), self.is_secure, LANGUAGE_AGE_S)
    }
}

/// `Lax`, because a strict cookie would not come along when another site sends a person here.
fn build(name: &str, value: String, is_secure: bool, age_s: i64) -> Cookie<'static> {
    Cookie::build(name.to_owned(), value)
        .path("/")
        .secure(is_secure)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(age_s))
        .finish()
}

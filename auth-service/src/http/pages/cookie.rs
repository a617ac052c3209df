//! The cookie of a browser session. It holds only a handle, and no script can read it.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use service_kit::http::CookieRules;
use shared_claims::actix::cookie;

use crate::domain::Handle;
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
        let left_ms = signed_in.current.session.expires_at_ms.saturating_sub(now_ms);
        self.cookie(signed_in.handle.expose().to_owned(), left_ms.div_euclid(1000).max(0))
    }

    /// The cookie that deletes the one that the browser has.
    pub(super) fn cleared(&self) -> Cookie<'static> {
        self.cookie(String::new(), 0)
    }

    /// `Lax`, because a strict cookie would not come along when another site sends a person here.
    fn cookie(&self, value: String, age_s: i64) -> Cookie<'static> {
        Cookie::build(self.name.to_string(), value)
            .path("/")
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(age_s))
            .finish()
    }
}

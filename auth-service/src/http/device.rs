//! The cookie by which an account knows a device again, so that strangers who guess its password do not lock out its owner.
//! It stays when its user signs out.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::AUTHORIZATION;
use service_kit::http::CookieRules;
use shared_claims::actix::cookie;

use crate::domain::{DEVICE_KNOWN_MS, DeviceCookie};
use crate::seal::{Purpose, SealError, Seals};

/// The longest value that is read, in bytes. Browsers keep no longer cookies, and ours are shorter.
const MAX_BYTES: usize = 4096;

/// The name and attributes of the cookie, and what seals it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DeviceCookies {
    name: Arc<str>,
    is_secure: bool,
    seals: Seals,
}

impl DeviceCookies {
    /// Builds cookies by these rules.
    pub fn new(rules: &CookieRules, seals: Seals) -> Self {
        Self { name: rules.name("__Host-", "device").into(), is_secure: rules.is_secure, seals }
    }

    /// Reads the cookie of a request. One that comes twice, is too long or was not sealed here counts as none, as does each
    /// beside an `Authorization` header.
    pub(super) fn read(&self, request: &HttpRequest) -> Option<DeviceCookie> {
        if request.headers().contains_key(AUTHORIZATION) {
            return None;
        }
        let value = cookie(request, &self.name).ok()??;
        if value.len() > MAX_BYTES {
            return None;
        }
        self.seals.open(Purpose::Device, value)
    }

    /// The cookie after a login.
    pub(super) fn set(&self, content: &DeviceCookie) -> Result<Cookie<'static>, SealError> {
        let value = self.seals.seal(Purpose::Device, content)?;
        Ok(Cookie::build(self.name.to_string(), value)
            .path("/")
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::milliseconds(DEVICE_KNOWN_MS))
            .finish())
    }
}

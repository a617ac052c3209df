//! Reads the parts of an actix-web request that authentication needs, and cookies.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use actix_web::http::uri::{Authority, Scheme};

use super::problem::ProblemResponse;
use crate::bearer::{self, Request};

impl Request for HttpRequest {
    fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).map(HeaderValue::as_bytes)
    }

    fn is_safe(&self) -> bool {
        self.method().is_safe()
    }

    fn query(&self) -> &str {
        self.query_string()
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(Authority::as_str)
    }

    fn scheme(&self) -> Option<&str> {
        let target = self.uri().scheme().map(Scheme::as_str);
        target.or_else(|| self.app_config().secure().then_some("https"))
    }
}

/// The value of the cookie with this name, exactly as it was sent: neither name nor value is decoded. `None` if the
/// cookie is absent or empty.
///
/// Use it instead of actix-web's own `HttpRequest::cookie`, which decodes names: a page of another host of the same
/// domain can set `%5F%5FHost-session`, which would then count as `__Host-session`.
///
/// # Errors
/// The response to send: 400 if the cookie was sent twice, because another host of the same domain may have set one of
/// the two.
///
/// ```
/// use actix_web::test::TestRequest;
/// use shared_claims::actix::cookie;
///
/// let request = |cookies| TestRequest::get().insert_header(("Cookie", cookies)).to_http_request();
/// let one = request("theme=dark; __Host-session=abc");
/// assert_eq!(cookie(&one, "__Host-session").unwrap(), Some("abc"));
/// let two = request("__Host-session=abc; __Host-session=def");
/// assert!(cookie(&two, "__Host-session").is_err());
/// ```
pub fn cookie<'r>(request: &'r HttpRequest, name: &str) -> Result<Option<&'r str>, ProblemResponse> {
    Ok(bearer::find_cookie(request, name)?)
}

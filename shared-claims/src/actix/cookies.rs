//! Cookies of a request of actix-web.

use actix_web::HttpRequest;

use super::problem::ProblemResponse;
use crate::bearer;

/// The value of the cookie with that name, as it was sent: neither name nor value is decoded. `None` without one, and for
/// an empty one.
///
/// Use it instead of actix-web's own `HttpRequest::cookie`, which decodes names: a page of another host of the domain can
/// set `%5F%5FHost-session`, which would then count as `__Host-session`.
///
/// # Errors
/// The answer to give instead: 400 where the cookie comes twice, since another host of the domain may have set one of the
/// two.
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

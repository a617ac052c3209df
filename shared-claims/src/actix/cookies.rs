//! Reads cookies of actix-web requests.

use actix_web::HttpRequest;

use super::problem::ProblemResponse;
use crate::bearer;

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

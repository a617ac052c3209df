//! Where in a request the access token is (RFC 6750 §2, and the cookie of the first-party face).

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderValue};

use super::problem::ProblemResponse;

/// A token as it was sent, nothing of it checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presented<'a> {
    pub(super) token: &'a str,
    pub(super) by_cookie: bool,
}

/// Finds the token of a request. A token in the query is no credential (it would stand in every log), and beside a
/// header it is one too many. With an `Authorization` header cookies are ignored.
pub(super) fn find<'a>(
    request: &'a HttpRequest,
    cookie: Option<&str>,
) -> Result<Presented<'a>, ProblemResponse> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        return cookie
            .and_then(|name| from_cookie(request, name))
            .ok_or_else(ProblemResponse::no_credentials);
    };
    if headers.next().is_some() || is_in_query(request) {
        return Err(ProblemResponse::ambiguous_credentials());
    }
    let Some(text) = ascii(header) else { return Err(ProblemResponse::invalid_token()) };
    // RFC 9110 §11.4: the scheme without regard to case, then at least one space.
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let token = rest.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(ProblemResponse::no_credentials());
    }
    Ok(Presented { token, by_cookie: false })
}

/// What `HeaderValue::to_str` gives, many bytes at a time instead of one: a token has a thousand.
fn ascii(header: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(header.as_bytes()).ok().filter(|text| text.is_ascii())
}

/// Read by hand: `HttpRequest::cookie` finds nothing at all where some other cookie is malformed.
fn from_cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<Presented<'a>> {
    let headers = request.headers().get_all(COOKIE).filter_map(ascii);
    let mut cookies = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, token) = cookies.find(|(other, _)| other.trim() == name)?;
    let token = token.trim();
    (!token.is_empty()).then_some(Presented { token, by_cookie: true })
}

fn is_in_query(request: &HttpRequest) -> bool {
    url::form_urlencoded::parse(request.query_string().as_bytes()).any(|(name, _)| name == "access_token")
}

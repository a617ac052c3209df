//! Where a request carries its access token: in the `Authorization` header (RFC 6750 §2.1), or in the cookie that the
//! first-party API sets.

use super::cookies;
use super::refusal::Refusal;
use super::request::Request;

/// A token as it was sent, not checked in any way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presented<'a> {
    pub(super) token: &'a str,
    pub(super) by_cookie: bool,
}

/// Finds the token of a request. A token in the query is never accepted, because URLs are written to logs; together
/// with an `Authorization` header it makes the request ambiguous. If there is an `Authorization` header, cookies are
/// ignored.
pub(super) fn find<'a>(request: &'a impl Request, cookie: Option<&str>) -> Result<Presented<'a>, Refusal> {
    let mut headers = request.values("authorization");
    let Some(header) = headers.next() else {
        let token = cookie.map(|name| cookies::find(request, name)).transpose()?.flatten();
        return token.map(|token| Presented { token, by_cookie: true }).ok_or(Refusal::NoCredentials);
    };
    if headers.next().is_some() || is_in_query(request) {
        return Err(Refusal::AmbiguousCredentials);
    }
    let Some(text) = header else { return Err(Refusal::INVALID_TOKEN) };
    // RFC 9110 §11.4: the scheme is case-insensitive, and at least one space follows it.
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let token = rest.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Refusal::NoCredentials);
    }
    Ok(Presented { token, by_cookie: false })
}

fn is_in_query(request: &impl Request) -> bool {
    url::form_urlencoded::parse(request.query().as_bytes()).any(|(name, _)| name == "access_token")
}

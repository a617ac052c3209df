//! Finds the access token of a request, verifies it, and says how to refuse it; the same for every web framework.
//!
//! A request carries its token in the `Authorization` header (RFC 6750 §2.1), or in the cookie that the first-party API
//! sets.

mod cookies;
mod error;
mod origin;
mod request;

#[cfg(feature = "actix")]
pub(crate) use cookies::find as find_cookie;
pub(crate) use error::BearerError;
pub use origin::InvalidOrigin;
pub(crate) use origin::OriginCheck;
pub(crate) use request::Request;

use crate::claims::CustomClaims;
use crate::verifier::{Verified, Verifier, VerifyError};

/// Finds the token of a request in the header, else in this cookie. A request with a cookie must also pass the origin
/// check.
pub(crate) fn find_token<'a>(
    request: &'a impl Request,
    cookie: Option<&str>,
    origins: &OriginCheck,
) -> Result<&'a str, BearerError> {
    let sent = find_credentials(request, cookie)?;
    if sent.by_cookie {
        origins.check(request)?;
    }
    Ok(sent.token)
}

/// A token as it was sent, not checked in any way.
#[derive(Debug, PartialEq, Eq)]
struct SentToken<'a> {
    token: &'a str,
    by_cookie: bool,
}

/// Finds the token of a request. A token in the query is never accepted, because URLs are written to logs; together
/// with an `Authorization` header it makes the request ambiguous. If there is an `Authorization` header, cookies are
/// ignored.
fn find_credentials<'a>(
    request: &'a impl Request,
    cookie: Option<&str>,
) -> Result<SentToken<'a>, BearerError> {
    let mut headers = request.values("authorization");
    let Some(header) = headers.next() else {
        let token = cookie.map(|name| cookies::find(request, name)).transpose()?.flatten();
        return token.map(|token| SentToken { token, by_cookie: true }).ok_or(BearerError::NoCredentials);
    };
    if headers.next().is_some() || is_in_query(request) {
        return Err(BearerError::AmbiguousCredentials);
    }
    let Some(text) = header else { return Err(BearerError::INVALID_TOKEN) };
    // RFC 9110 §11.4: the scheme is case-insensitive, and at least one space follows it.
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let token = rest.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(BearerError::NoCredentials);
    }
    Ok(SentToken { token, by_cookie: false })
}

fn is_in_query(request: &impl Request) -> bool {
    url::form_urlencoded::parse(request.query().as_bytes()).any(|(name, _)| name == "access_token")
}

/// Verifies a token.
pub(crate) async fn verify<C: CustomClaims>(
    verifier: &Verifier<C>,
    token: &str,
) -> Result<Verified<C>, BearerError> {
    log_refused(verifier.verify(token).await)
}

/// Verifies a token without waiting; `None` where the check would have to wait.
pub(crate) fn verify_now<C: CustomClaims>(
    verifier: &Verifier<C>,
    token: &str,
) -> Option<Result<Verified<C>, BearerError>> {
    verifier.verify_now(token).map(log_refused)
}

fn log_refused<C>(outcome: Result<Verified<C>, VerifyError>) -> Result<Verified<C>, BearerError> {
    outcome.map_err(|error| {
        tracing::debug!(%error, "access token not accepted");
        error.into()
    })
}

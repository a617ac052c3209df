//! Access control of the revocation feed.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::uri::Authority;
use service_kit::config::Secret;
use service_kit::http::{HttpError, is_loopback_authority};
use subtle::ConstantTimeEq;

/// Headers that browsers and proxies add. A verifier on this machine that asks directly sends none of them.
const SENT_ON_BEHALF: [&str; 12] = [
    "origin",
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-envoy-external-address",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "cdn-loop",
];

/// The prefix of `X-Forwarded-For`, `-Host`, `-Proto` and similar headers.
const SENT_ON_BEHALF_PREFIX: &str = "x-forwarded";

/// Which requests the feed accepts. The feed contains identifiers only, but it shows when users log out.
#[derive(Clone, Debug)]
pub enum FeedAccess {
    /// Requests with this Bearer token.
    Token(Arc<Secret>),
    /// Requests of programs on this machine that use a loopback host name and do not forward another request.
    Loopback,
    /// No request: no token is configured, and a loopback address would not show that a request comes from this
    /// machine.
    Nobody,
}

impl FeedAccess {
    /// Admits the request or refuses it: with 401 if a token is required, else with 403.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<(), HttpError> {
        match self {
            Self::Token(token) => {
                let presented = bearer(request).unwrap_or_default();
                if presented.as_bytes().ct_eq(token.expose().as_bytes()).into() {
                    return Ok(());
                }
                let refusal =
                    HttpError::new(StatusCode::UNAUTHORIZED, "The feed's token is missing or wrong");
                Err(refusal.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::Loopback if comes_from_this_machine(request) => Ok(()),
            Self::Loopback => Err(HttpError::new(
                StatusCode::FORBIDDEN,
                "Without revocation.feed_token the feed answers this machine alone",
            )),
            Self::Nobody => Err(HttpError::new(
                StatusCode::FORBIDDEN,
                "The feed needs revocation.feed_token where the issuer is not local or a proxy is trusted",
            )),
        }
    }
}

/// Whether the request was made by a program on this machine. A loopback address of the peer is not enough: a proxy
/// on this machine forwards requests of others, and a web page can let the browser send requests to a host name that
/// it resolves to 127.0.0.1 (DNS rebinding). Therefore the host name of the request must be a loopback name, and no
/// header may show a browser or a proxy.
fn comes_from_this_machine(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let on_behalf = headers.keys().any(|name| {
        SENT_ON_BEHALF.contains(&name.as_str()) || name.as_str().starts_with(SENT_ON_BEHALF_PREFIX)
    });
    let hosts = headers.get_all(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // HTTP/2 and the absolute form of HTTP/1.1 name the host in the URL.
    let asked: Vec<&str> = hosts.chain(request.uri().authority().map(Authority::as_str)).collect();
    let asked_locally = !asked.is_empty() && asked.into_iter().all(is_loopback_authority);
    let is_local = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    is_local && asked_locally && !on_behalf
}

/// The token of a single `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (value, None) = (headers.next()?, headers.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

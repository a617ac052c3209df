//! `GET /revocations`: the revocation feed, for verifiers without Redis, and who may read it.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header as _, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::config::Secret;
use service_kit::http::{HttpError, Query, is_loopback_authority};
use subtle::ConstantTimeEq;

use crate::revocation::feed::{self, FeedError, FeedPage, LONGEST_WAIT};

/// The components of the endpoint.
#[derive(Clone)]
pub struct Feed {
    /// The feed.
    pub feed: feed::Feed,
    /// The requests that it accepts.
    pub access: FeedAccess,
}

/// The query of the feed.
#[derive(Clone, Debug, Deserialize)]
pub struct FeedQuery {
    after: Option<String>,
    wait: Option<u64>,
}

/// Returns the revocations that were committed after the cursor. If there are none, waits for one for up to `wait`
/// seconds.
#[utoipa::path(
    get,
    path = "/revocations",
    tag = "revocation",
    params(
        ("after" = Option<String>, Query, description = "The cursor of the last response. Without it, the whole list is returned"),
        ("wait" = Option<u64>, Query, maximum = 30, description = "Seconds to wait for a revocation"),
    ),
    responses(
        (status = 200, description = "The facts since the cursor", body = FeedPage),
        (status = 401, description = "The feed's token is missing or wrong"),
        (status = 403, description = "No token is configured, and the request may come from another machine"),
        (status = 410, description = "The cursor belongs to another list: start again"),
        (status = 503, description = "The log cannot be read, or too many requests to the feed are open; with Retry-After"),
    )
)]
pub async fn show(
    request: HttpRequest,
    feed: web::Data<Feed>,
    query: Query<FeedQuery>,
) -> Result<HttpResponse, HttpError> {
    feed.access.admit(&request)?;
    let wait = Duration::from_secs(query.wait.unwrap_or(0));
    if wait > LONGEST_WAIT {
        return Err(HttpError::field("wait", format!("at most {} seconds", LONGEST_WAIT.as_secs())));
    }
    let is_packed = accepts_gzip(&request);
    let answer = feed.feed.read(query.after.as_deref(), wait).await?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "accept-encoding"));
    if is_packed {
        return Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(answer.gzip()));
    }
    Ok(response.body(answer.plain()))
}

/// Whether the response may be compressed (RFC 9110 §12.5.3).
fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = AcceptEncoding::parse(request).ok();
    let chosen = accepted.and_then(|accepted| {
        let offered = [Encoding::gzip(), Encoding::identity()];
        accepted.negotiate(offered.iter())
    });
    chosen == Some(Encoding::gzip())
}

impl From<FeedError> for HttpError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Cursor(cursor) => {
                Self::new(StatusCode::GONE, format!("{cursor}: start again without one"))
            }
            FeedError::ReadFailed | FeedError::TooManyFollowers | FeedError::NoMemory => {
                Self::unavailable(1).with_cause(error)
            }
        }
    }
}

/// Headers that browsers and proxies add. A verifier on this machine that sends its requests directly adds none of them.
const FORWARDING_HEADERS: [&str; 12] = [
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
const FORWARDING_PREFIX: &str = "x-forwarded";

/// Which requests the feed accepts. The feed contains identifiers only, but it shows when users log out.
#[derive(Clone, Debug)]
pub enum FeedAccess {
    /// Requests with this Bearer token.
    Token(Arc<Secret>),
    /// Requests of programs on this machine that use a loopback host name and do not forward another request.
    Loopback,
    /// No request: no token is configured, and a loopback address would not show that a request comes from this
    /// machine.
    Closed,
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
                let error = HttpError::new(StatusCode::UNAUTHORIZED, "The feed's token is missing or wrong");
                Err(error.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::Loopback if comes_from_this_machine(request) => Ok(()),
            Self::Loopback => Err(HttpError::new(
                StatusCode::FORBIDDEN,
                "Without revocation.feed_token the feed answers this machine alone",
            )),
            Self::Closed => Err(HttpError::new(
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
    let is_forwarded = headers.keys().any(|name| {
        FORWARDING_HEADERS.contains(&name.as_str()) || name.as_str().starts_with(FORWARDING_PREFIX)
    });
    let hosts = headers.get_all(header::HOST).map(|host| host.to_str().unwrap_or_default());
    // HTTP/2 and the absolute form of HTTP/1.1 name the host in the URL.
    let requested_hosts: Vec<&str> = hosts.chain(request.uri().authority().map(Authority::as_str)).collect();
    let names_this_machine =
        !requested_hosts.is_empty() && requested_hosts.into_iter().all(is_loopback_authority);
    let is_local = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    is_local && names_this_machine && !is_forwarded
}

/// The token of a single `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (value, None) = (headers.next()?, headers.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

//! Which scripts may read the responses (CORS, as the Fetch standard defines it).
//!
//! A request from another origin is served too, but without these headers. Preventing scripts from *sending* requests
//! with a cookie is the task of the cookie's origin check.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use futures_util::future::LocalBoxFuture;

/// The origins whose scripts may read the responses of a resource, errors and preflight responses included. Set at the
/// resource: `resource("/oauth2/authorize").cors(Cors::NoOrigin)`.
#[derive(Clone, Default)]
pub enum Cors {
    /// The origins in the setting `http.cors_origins`, with credentials.
    #[default]
    Listed,
    /// The listed origins with credentials, and those that the check knows without credentials.
    ListedAnd(OriginCheck),
    /// Every origin, without credentials.
    AnyOrigin,
    /// No origin, not even the listed ones. For HTML pages.
    NoOrigin,
}

impl Cors {
    /// The listed origins, and without credentials those for which `is_known` returns `true`. It is called only for
    /// requests from origins that are not listed. If it takes longer than a second, the result is `false`.
    pub fn listed_and<F>(is_known: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + 'static,
    {
        Self::ListedAnd(OriginCheck(Arc::new(move |origin| {
            let check = tokio::time::timeout(CHECK_TIME_LIMIT, is_known(origin));
            Box::pin(async move { check.await.unwrap_or(false) })
        })))
    }
}

const CHECK_TIME_LIMIT: Duration = Duration::from_secs(1);

/// A check for origins that are not listed. See [`Cors::listed_and`].
#[derive(Clone)]
pub struct OriginCheck(Arc<dyn Fn(String) -> LocalBoxFuture<'static, bool> + Send + Sync>);

/// The origins of the setting `http.cors_origins`.
pub(super) struct ListedOrigins(HashSet<String>);

impl ListedOrigins {
    pub(super) fn new(origins: &[String]) -> Self {
        Self(origins.iter().cloned().collect())
    }

    fn has(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.0.contains(origin))
    }
}

/// The CORS data of a request.
pub(super) struct CrossOrigin {
    origin: HeaderValue,
    is_listed: bool,
    preflight: Option<Preflight>,
}

/// A preflight: the browser asks whether it may send a request.
struct Preflight {
    method: HeaderValue,
    headers: Option<HeaderValue>,
}

impl CrossOrigin {
    /// Reads the CORS headers. `None` for a request without `Origin`, which no script of another origin sends.
    pub(super) fn of(request: &ServiceRequest, listed: &ListedOrigins) -> Option<Self> {
        let headers = request.headers();
        let origin = headers.get(ORIGIN)?.clone();
        let is_preflight = request.method() == Method::OPTIONS;
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| is_preflight);
        let preflight = method.map(|method| Preflight {
            method: method.clone(),
            headers: headers.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|names| are_names(names)).cloned(),
        });
        Some(Self { is_listed: listed.has(&origin), origin, preflight })
    }

    /// The check whether the resource knows this origin; `None` if the list already decides.
    pub(super) fn check_origin(&self, cors: &Cors) -> Option<LocalBoxFuture<'static, bool>> {
        match cors {
            Cors::ListedAnd(check) if !self.is_listed => {
                Some((check.0)(self.origin.to_str().ok()?.to_owned()))
            }
            Cors::ListedAnd(_) | Cors::Listed | Cors::AnyOrigin | Cors::NoOrigin => None,
        }
    }
}

/// Whether the value is a list of header names, as browsers send it. Other values are not repeated in the response.
fn are_names(names: &HeaderValue) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, \t".contains(byte);
    names.as_bytes().iter().all(is_of_name)
}

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "link, location, x-request-id, www-authenticate, retry-after, ratelimit, ratelimit-policy",
);
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ANY: HeaderValue = HeaderValue::from_static("*");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");
/// For how long a browser may cache a preflight response, seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Adds the headers with which the script may read the response. Returns `true` for a preflight that is granted: its
/// response is then 204, whatever the handler returned.
///
/// `is_known` is the result of [`CrossOrigin::check_origin`]; `methods` are the methods of the path, if the path
/// exists.
pub(super) fn apply(
    cors: &Cors,
    cross_origin: Option<&CrossOrigin>,
    is_known: bool,
    methods: Option<&HeaderValue>,
    headers: &mut HeaderMap,
) -> bool {
    let preflight = cross_origin.and_then(|request| request.preflight.as_ref());
    match cors {
        Cors::NoOrigin => return false,
        // The same value for every origin, so that a shared cache may use the response for all of them.
        Cors::AnyOrigin => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        }
        Cors::Listed | Cors::ListedAnd(_) => {
            headers.append(VARY, if preflight.is_some() { VARY_PREFLIGHT } else { VARY_ORIGIN });
            let Some(cross_origin) = cross_origin.filter(|request| request.is_listed || is_known) else {
                return false;
            };
            if cross_origin.is_listed {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
            }
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, cross_origin.origin.clone());
        }
    }
    let Some(preflight) = preflight else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return false;
    };
    // A preflight for an unknown path is granted, so that the script can read the 404.
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.unwrap_or(&preflight.method).clone());
    if let Some(names) = &preflight.headers {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    true
}

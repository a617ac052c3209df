//! Which scripts may read our answers (CORS, as the Fetch standard defines it).
//!
//! A request of another origin is served all the same, without the headers: to keep scripts from *sending* requests
//! with a cookie is the work of the cookie rule.

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

/// The origins whose scripts may read what a resource answers, errors and preflights included. Named at the resource:
/// `resource("/oauth2/authorize").cors(Cors::Nobody)`.
#[derive(Clone, Default)]
pub enum Cors {
    /// Those of the setting `http.cors_origins`, with credentials.
    #[default]
    Listed,
    /// Those, and without credentials every other one that the check knows.
    ListedAnd(OriginCheck),
    /// Every origin, without credentials.
    Everybody,
    /// None, not even the listed ones: for pages.
    Nobody,
}

impl Cors {
    /// The listed origins, and without credentials those for which `is_known` gives `true`. It is called only for
    /// requests of origins that are not listed; an answer that takes longer than a second counts as `false`.
    pub fn listed_and<F>(is_known: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + 'static,
    {
        Self::ListedAnd(OriginCheck(Arc::new(move |origin| {
            let asking = tokio::time::timeout(PATIENCE, is_known(origin));
            Box::pin(async move { asking.await.unwrap_or(false) })
        })))
    }
}

const PATIENCE: Duration = Duration::from_secs(1);

/// Knows origins that are not listed. See [`Cors::listed_and`].
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

/// What a request of a script says of itself.
pub(super) struct CrossOrigin {
    origin: HeaderValue,
    is_listed: bool,
    preflight: Option<Preflight>,
}

/// A browser asks whether a request may be sent.
struct Preflight {
    method: HeaderValue,
    headers: Option<HeaderValue>,
}

impl CrossOrigin {
    /// `None` for a request without `Origin`: no script of another origin sent it.
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

    /// The question whether a resource knows this origin, where the list does not decide.
    pub(super) fn question(&self, cors: &Cors) -> Option<LocalBoxFuture<'static, bool>> {
        match cors {
            Cors::ListedAnd(check) if !self.is_listed => {
                Some((check.0)(self.origin.to_str().ok()?.to_owned()))
            }
            Cors::ListedAnd(_) | Cors::Listed | Cors::Everybody | Cors::Nobody => None,
        }
    }
}

/// Names of headers as browsers list them; nothing else is echoed.
fn are_names(names: &HeaderValue) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, \t".contains(byte);
    names.as_bytes().iter().all(is_of_name)
}

const EXPOSED: HeaderValue =
    HeaderValue::from_static("link, location, x-request-id, www-authenticate, retry-after");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ANY: HeaderValue = HeaderValue::from_static("*");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");
/// How long a browser may keep the answer to a preflight, seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Adds the headers that let the script read the answer. Gives `true` where the request is a preflight that is granted:
/// the answer is then 204, whatever it was.
///
/// `is_known` is the answer to [`CrossOrigin::question`], `methods` are those of the path, where there is one.
pub(super) fn apply(
    cors: &Cors,
    asker: Option<&CrossOrigin>,
    is_known: bool,
    methods: Option<&HeaderValue>,
    headers: &mut HeaderMap,
) -> bool {
    let preflight = asker.and_then(|asker| asker.preflight.as_ref());
    match cors {
        Cors::Nobody => return false,
        // The same for everybody: a shared cache may give it to everybody.
        Cors::Everybody => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        }
        Cors::Listed | Cors::ListedAnd(_) => {
            headers.append(VARY, if preflight.is_some() { VARY_PREFLIGHT } else { VARY_ORIGIN });
            let Some(asker) = asker.filter(|asker| asker.is_listed || is_known) else { return false };
            if asker.is_listed {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
            }
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, asker.origin.clone());
        }
    }
    let Some(preflight) = preflight else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return false;
    };
    // A preflight for a path that is not there is granted, so that the script can read the 404.
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.unwrap_or(&preflight.method).clone());
    if let Some(names) = &preflight.headers {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    true
}

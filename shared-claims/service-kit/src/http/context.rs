//! The data about a request that the service keeps while it handles it, with the request's id, which connects the logs
//! of several services.

use std::fmt::{self, Display};
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::guard::{Guard, GuardContext};
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::http::{Method, Uri};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::fmt::Hyphenated;

use super::resource::RouteInfo;
use super::{ClientAddress, HttpError};
use crate::telemetry::{self, LogFields};

/// Data of a request, shared between the middleware, which creates it, the routing, which adds the route, and the
/// extractors. It is stored in the request's extensions. The middleware keeps a clone, because the request itself is
/// gone after a handler panicked.
#[derive(Clone)]
pub(super) struct RequestContext(Arc<Inner>);

struct Inner {
    method: Method,
    uri: Uri,
    id: RequestId,
    client: Option<ClientAddress>,
    route: OnceLock<Arc<RouteInfo>>,
    add_headers: OnceLock<AddHeaders>,
}

/// Adds headers to a response.
type AddHeaders = Box<dyn Fn(&mut HeaderMap) + Send + Sync>;

/// Adds headers to the response of this request when it is complete, whatever it then is, also to an error. For values that
/// only become known while the request is handled. The first function that is given for a request counts.
pub fn add_to_response(request: &HttpRequest, add: impl Fn(&mut HeaderMap) + Send + Sync + 'static) {
    if let Some(context) = RequestContext::of(request) {
        // The first one stays.
        let _ = context.0.add_headers.set(Box::new(add));
    }
}

/// The fields of the request in log lines. The query is never among them, because it may contain secrets.
impl LogFields for Inner {
    fn name(&self) -> &'static str {
        "http.request"
    }

    fn visit(&self, field: &mut dyn FnMut(&'static str, &dyn Display)) {
        field("method", &self.method);
        field("path", &self.uri.path());
        field("request_id", &self.id.as_str());
        if let Some(id) = self.id.caller_id() {
            field("caller_request_id", &id);
        }
        if let Some(ClientAddress(address)) = self.client {
            field("client", &address);
        }
    }
}

impl RequestContext {
    /// Creates the context and adds it to the request.
    pub(super) fn add_to(request: &ServiceRequest, client: Option<ClientAddress>) -> Self {
        let this = Self(Arc::new(Inner {
            method: request.method().clone(),
            uri: request.uri().clone(),
            id: RequestId::of(request.headers()),
            client,
            route: OnceLock::new(),
            add_headers: OnceLock::new(),
        }));
        request.extensions_mut().insert(this.clone());
        this
    }

    /// The context of a request inside [`app`](super::app).
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    pub(super) fn id(&self) -> &RequestId {
        &self.0.id
    }

    pub(super) fn client(&self) -> Option<ClientAddress> {
        self.0.client
    }

    pub(super) fn method(&self) -> &Method {
        &self.0.method
    }

    /// Runs `work` so that its log lines name the request.
    pub(super) fn log_within<T>(&self, work: impl FnOnce() -> T) -> T {
        telemetry::with_request(self.0.clone(), work)
    }

    /// Adds the headers that a handler gave to [`add_to_response`].
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(add) = self.0.add_headers.get() {
            add(headers);
        }
    }

    /// The route, after the request's path matched one.
    pub(super) fn route(&self) -> Option<&Arc<RouteInfo>> {
        self.0.route.get()
    }
}

/// A guard at each resource that stores the route in the request's context. It is a guard because actix-web evaluates
/// guards during routing, before any extractor or handler: the route is then known for every response, whatever fails.
pub(super) struct RecordRoute(pub(super) Arc<RouteInfo>);

impl Guard for RecordRoute {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        if let Some(request) = context.req_data().get::<RequestContext>() {
            // The first value stays. There is only one resource for a path, so there is no other.
            let _ = request.0.route.set(Arc::clone(&self.0));
        }
        true
    }
}

/// The header of the id, in requests and responses.
pub(super) const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request, which is unique. An extractor.
///
/// The service always generates it, because two callers may send the same `X-Request-Id`, and audit events must
/// distinguish them. An id sent by the caller is kept too: the log contains both, and the response repeats the
/// caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    generated: GeneratedId,
    caller_id: Option<String>,
}

/// The text of a UUID, stored without an allocation because every request has one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct GeneratedId([u8; Hyphenated::LENGTH]);

impl GeneratedId {
    fn random() -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        uuid::Builder::from_random_bytes(rand::random()).into_uuid().hyphenated().encode_lower(&mut text);
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for GeneratedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.generated.as_str()
    }

    /// The id that the caller sent, if it is valid.
    pub(super) fn caller_id(&self) -> Option<&str> {
        self.caller_id.as_deref()
    }

    /// The id in the response: the caller's if there is one, else the service's.
    pub(super) fn for_response(&self) -> &str {
        self.caller_id().unwrap_or(self.as_str())
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let caller_id = headers.get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
        Self {
            generated: GeneratedId::random(),
            caller_id: caller_id.filter(|id| is_valid(id)).map(str::to_owned),
        }
    }
}

/// Whether the id is short and has only characters that cannot confuse a log or a terminal.
fn is_valid(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl FromRequest for RequestId {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = RequestContext::of(request).map(|context| context.id().clone());
        ready(found.ok_or_else(|| HttpError::internal("no request id: the route is outside of http::app")))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn id_for(given: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID_HEADER, HeaderValue::from_bytes(given).unwrap());
        RequestId::of(&headers)
    }

    #[test]
    fn a_valid_id_of_the_caller_is_kept_next_to_the_generated_one() {
        for given in ["abc-DEF_1.2", &"a".repeat(64)] {
            let [one, other] = [id_for(given.as_bytes()), id_for(given.as_bytes())];
            assert_eq!((one.caller_id(), one.for_response()), (Some(given), given));
            assert_ne!(one.as_str(), other.as_str());
            assert!(uuid::Uuid::parse_str(one.as_str()).is_ok());
        }
        for given in [&b""[..], b"a b", b"a\tb", b"a\"b", b"{}", b"\xff", &[b'a'; 65]] {
            let id = id_for(given);
            assert_eq!((id.caller_id(), id.for_response()), (None, id.as_str()), "{given:?}");
        }
    }
}

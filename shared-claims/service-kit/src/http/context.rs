//! The data about a request that the service keeps while it answers it.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use actix_web::dev::ServiceRequest;
use actix_web::guard::{Guard, GuardContext};
use actix_web::http::{Method, Uri};
use actix_web::{HttpMessage, HttpRequest};

use super::resource::RouteInfo;
use super::{ClientAddress, RequestId};
use crate::telemetry::{self, LogFields};

/// Data of a request, shared between the front layer, which creates it, the routing, which adds the route, and the
/// extractors. It is stored in the request's extensions. The front layer keeps a clone, because the request itself is
/// gone after a handler panicked.
#[derive(Clone)]
pub(super) struct RequestContext(Arc<Inner>);

struct Inner {
    method: Method,
    uri: Uri,
    id: RequestId,
    client: Option<ClientAddress>,
    route: OnceLock<Arc<RouteInfo>>,
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
        if let Some(id) = self.id.callers() {
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

    /// Runs `part` so that its log lines name the request.
    pub(super) fn logging<T>(&self, part: impl FnOnce() -> T) -> T {
        telemetry::within(self.0.clone(), part)
    }

    /// The route, after the request's path matched one.
    pub(super) fn route(&self) -> Option<&Arc<RouteInfo>> {
        self.0.route.get()
    }
}

/// A guard at each resource that stores the route in the request's context. It is a guard because actix-web evaluates
/// guards during routing, before any extractor or handler: the route is then known for every response, whatever fails.
pub(super) struct NotesRoute(pub(super) Arc<RouteInfo>);

impl Guard for NotesRoute {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        if let Some(request) = context.req_data().get::<RequestContext>() {
            // The first value stays. There is only one resource for a path, so there is no other.
            let _ = request.0.route.set(Arc::clone(&self.0));
        }
        true
    }
}

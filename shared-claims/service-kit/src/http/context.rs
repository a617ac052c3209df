//! What is known of a request while it is answered.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use actix_web::dev::ServiceRequest;
use actix_web::guard::{Guard, GuardContext};
use actix_web::http::{Method, Uri};
use actix_web::{HttpMessage, HttpRequest};

use super::resource::RouteInfo;
use super::{ClientAddress, RequestId};
use crate::telemetry::{self, LogFields};

/// Shared between the front, which makes it, the routing, which adds the route, and the extractors. It stands in the
/// request's extensions; the front keeps a clone, because the request itself is gone when a handler panics.
#[derive(Clone)]
pub(super) struct RequestContext(Arc<Inner>);

struct Inner {
    method: Method,
    uri: Uri,
    id: RequestId,
    client: Option<ClientAddress>,
    route: OnceLock<Arc<RouteInfo>>,
}

/// What lines of the log say of a request: never its query, which may hold what belongs into no log.
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
    /// Adds it to the request.
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

    /// The context of a request inside of [`app`](super::app).
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

    /// Runs a part of the request, so that what is logged meanwhile names the request.
    pub(super) fn logging<T>(&self, part: impl FnOnce() -> T) -> T {
        telemetry::within(self.0.clone(), part)
    }

    /// The route, once the request's path matched one.
    pub(super) fn route(&self) -> Option<&Arc<RouteInfo>> {
        self.0.route.get()
    }
}

/// Stands at each resource and notes its route in the request's context. As a guard, because that is what actix-web
/// asks while it routes: before any handler or extractor, so that every answer knows its route, whatever fails.
pub(super) struct NotesRoute(pub(super) Arc<RouteInfo>);

impl Guard for NotesRoute {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        if let Some(request) = context.req_data().get::<RequestContext>() {
            // The first one stands: there is one resource for a path.
            let _ = request.0.route.set(Arc::clone(&self.0));
        }
        true
    }
}

//! What is known of a request while it is answered.

use std::cell::OnceCell;
use std::rc::Rc;

use actix_web::dev::ServiceRequest;
use actix_web::guard::{Guard, GuardContext};
use actix_web::{HttpMessage, HttpRequest};

use super::resource::RouteInfo;
use super::{ClientAddress, RequestId};

/// Shared between the front, which makes it, the routing, which adds the route, and the extractors. It stands in the
/// request's extensions; the front keeps a clone, because the request itself is gone when a handler panics.
#[derive(Clone)]
pub(super) struct RequestContext(Rc<Inner>);

struct Inner {
    id: RequestId,
    client: Option<ClientAddress>,
    route: OnceCell<Rc<RouteInfo>>,
}

impl RequestContext {
    /// Adds it to the request.
    pub(super) fn add_to(request: &ServiceRequest, id: RequestId, client: Option<ClientAddress>) -> Self {
        let this = Self(Rc::new(Inner { id, client, route: OnceCell::new() }));
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

    /// The route, once the request's path matched one.
    pub(super) fn route(&self) -> Option<&Rc<RouteInfo>> {
        self.0.route.get()
    }
}

/// Stands at each resource and notes its route in the request's context. As a guard, because that is what actix-web
/// asks while it routes: before any handler or extractor, so that every answer knows its route, whatever fails.
pub(super) struct NotesRoute(pub(super) Rc<RouteInfo>);

impl Guard for NotesRoute {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        if let Some(request) = context.req_data().get::<RequestContext>() {
            // The first one stands: there is one resource for a path.
            let _ = request.0.route.set(Rc::clone(&self.0));
        }
        true
    }
}

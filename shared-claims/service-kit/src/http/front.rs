//! The single layer around all routes. It gives each request an id, and adds headers, metrics and a log line to its
//! response.
//!
//! It is one layer and not one per task, because each layer of actix-web allocates a future for every request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, ResponseError};

use super::cors::ListedOrigins;
use super::path::{BasePath, read_path};
use super::security::SecurityHeaders;
use super::serving::Serving;
use super::visit::Visit;
use super::{HttpError, HttpSettings, Network};
use crate::metrics::{InFlight, Metrics, RouteCounts};

/// The configuration of the layer, shared by all workers.
#[derive(Clone)]
pub struct Front {
    settings: Arc<HttpSettings>,
    metrics: Metrics,
    is_https: bool,
    base_path: BasePath,
}

impl Front {
    /// Creates a layer with these settings and metrics. `is_https` says whether the service's public URL uses https.
    pub fn new(settings: HttpSettings, metrics: Metrics, is_https: bool) -> Self {
        Self { settings: Arc::new(settings), metrics, is_https, base_path: BasePath(Arc::from("")) }
    }

    /// Also serves all routes below this path, for example `/id`; an empty path changes nothing.
    #[must_use]
    pub fn below(self, base_path: &str) -> Self {
        Self { base_path: BasePath(Arc::from(base_path)), ..self }
    }

    /// The base path, for handlers.
    pub(super) fn base_path(&self) -> BasePath {
        self.base_path.clone()
    }
}

/// The layer's state in one worker thread: computed once, and with counters of its own.
pub(super) struct Worker {
    pub(super) trusted_proxies: Vec<Network>,
    pub(super) listed: ListedOrigins,
    pub(super) security: SecurityHeaders,
    pub(super) patience: Duration,
    base_path: BasePath,
    pub(super) in_flight: InFlight,
    metrics: Metrics,
    /// Counters of routes that are not a [`resource`](super::resource), and of requests that matched no route.
    others: RefCell<HashMap<String, Arc<RouteCounts>>>,
}

impl Worker {
    fn new(front: &Front) -> Self {
        let settings = &front.settings;
        Self {
            trusted_proxies: settings.trusted_proxies.clone(),
            listed: ListedOrigins::new(&settings.cors_origins),
            security: SecurityHeaders::new(front.is_https, settings.hsts_subdomains),
            patience: Duration::from_secs(settings.request_timeout_seconds),
            base_path: front.base_path.clone(),
            in_flight: front.metrics.worker(),
            metrics: front.metrics.clone(),
            others: RefCell::default(),
        }
    }

    /// The counters of a route that was registered as a resource.
    pub(super) fn counts(&self, route: &str) -> Arc<RouteCounts> {
        self.metrics.route(route)
    }

    /// The counters for another value of the label `route`.
    pub(super) fn other_counts(&self, route: &str) -> Arc<RouteCounts> {
        if let Some(counts) = self.others.borrow().get(route) {
            return Arc::clone(counts);
        }
        let counts = self.metrics.route(route);
        self.others.borrow_mut().insert(route.to_owned(), Arc::clone(&counts));
        counts
    }
}

impl<S> Transform<S, ServiceRequest> for Front
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = FrontService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, routes: S) -> Self::Future {
        ready(Ok(FrontService { routes, worker: Rc::new(Worker::new(self)) }))
    }
}

/// The layer's service in one worker.
pub struct FrontService<S> {
    routes: S,
    worker: Rc<Worker>,
}

impl<S> Service<ServiceRequest> for FrontService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Serving<S::Future>;

    forward_ready!(routes);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let visit = Visit::begin(&request, &self.worker);
        if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
            return Serving::answered(visit, refuse(request, &refused_method()));
        }
        if !read_path(&mut request, &self.worker.base_path) {
            return Serving::answered(visit, refuse(request, &HttpError::not_found()));
        }
        match catch_unwind(AssertUnwindSafe(|| self.routes.call(request))) {
            Ok(rest) => Serving::new(visit, rest),
            Err(_panic) => Serving::panicked(visit),
        }
    }
}

fn refuse(request: ServiceRequest, refusal: &HttpError) -> ServiceResponse<BoxBody> {
    request.into_response(refusal.error_response())
}

fn refused_method() -> HttpError {
    let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").with_header(header::ALLOW, allow)
}

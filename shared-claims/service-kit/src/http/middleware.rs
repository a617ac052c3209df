//! The actix-web application with all routes, and the single middleware around them. The middleware gives each request
//! an id, and adds headers, metrics and a log line to its response.
//!
//! It is one middleware and not one per task, because each middleware of actix-web allocates a future for every
//! request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::{JsonPayloadError, UrlencodedError};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpResponse, ResponseError};

use super::cors::ListedOrigins;
use super::path::{BasePath, normalize_path};
use super::response::SecurityHeaders;
use super::response_future::{RequestInProgress, ResponseFuture};
use super::{BODY_LIMIT, HttpError, HttpSettings, Network};
use crate::metrics::{InFlight, Metrics, RouteCounts};

/// Creates an application whose responses have the common headers. Register `routes` without a trailing slash. Where no route
/// matches, the answer is a problem (RFC 9457), unless `routes` sets a default service.
pub fn app(
    middleware: &HttpMiddleware,
    routes: &mut dyn FnMut(&mut ServiceConfig),
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .app_data(middleware.base_path())
        .configure(extractor_limits)
        // `routes` may set another default.
        .default_service(web::to(not_found))
        .configure(|config| routes(config))
        .wrap(middleware.clone())
}

async fn not_found() -> Result<HttpResponse, HttpError> {
    Err(HttpError::not_found())
}

/// Configures actix's own extractors for handlers that use them: the same size limit, and errors as problems.
fn extractor_limits(config: &mut ServiceConfig) {
    let json = web::JsonConfig::default().limit(BODY_LIMIT).error_handler(|error, _| {
        status_error(match &error {
            JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            JsonPayloadError::Deserialize(inner) if inner.is_data() => StatusCode::UNPROCESSABLE_ENTITY,
            other => other.status_code(),
        })
    });
    let form = web::FormConfig::default().limit(BODY_LIMIT).error_handler(|error, _| {
        status_error(match &error {
            UrlencodedError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            UrlencodedError::Parse(_) => StatusCode::UNPROCESSABLE_ENTITY,
            other => other.status_code(),
        })
    });
    let query =
        web::QueryConfig::default().error_handler(|_, _| status_error(StatusCode::UNPROCESSABLE_ENTITY));
    let path = web::PathConfig::default().error_handler(|_, _| status_error(StatusCode::NOT_FOUND));
    config
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .app_data(json)
        .app_data(form)
        .app_data(query)
        .app_data(path);
}

fn status_error(status: StatusCode) -> Error {
    HttpError::new(status, status.canonical_reason().unwrap_or("Error")).into()
}

/// Whether the service serves at all. While it is closed, every request is answered with 503, except those that ask how the
/// service is (`/healthz`, `/readyz`, `/metrics`).
#[derive(Clone, Default)]
pub struct Gate(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Gate {
    /// A gate that is closed while this says so.
    pub fn closed_while(is_closed: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_closed)))
    }

    fn refuses(&self, path: &str) -> bool {
        self.0.as_ref().is_some_and(|is_closed| is_closed())
            && !matches!(path, "/healthz" | "/readyz" | "/metrics")
    }
}

/// The configuration of the middleware, shared by all workers.
#[derive(Clone)]
pub struct HttpMiddleware {
    settings: Arc<HttpSettings>,
    metrics: Metrics,
    is_https: bool,
    base_path: BasePath,
    gate: Gate,
}

impl HttpMiddleware {
    /// Creates a middleware with these settings and metrics. `is_https` says whether the service's public URL uses
    /// https.
    pub fn new(settings: HttpSettings, metrics: Metrics, is_https: bool) -> Self {
        Self {
            settings: Arc::new(settings),
            metrics,
            is_https,
            base_path: BasePath(Arc::from("")),
            gate: Gate::default(),
        }
    }

    /// Serves only while this gate is open.
    #[must_use]
    pub fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// Also serves all routes below this path, for example `/id`; an empty path changes nothing.
    #[must_use]
    pub fn with_base_path(self, base_path: &str) -> Self {
        Self { base_path: BasePath(Arc::from(base_path)), ..self }
    }

    /// The base path, for handlers.
    pub(super) fn base_path(&self) -> BasePath {
        self.base_path.clone()
    }
}

/// The middleware's state in one worker thread: computed once, and with counters of its own.
pub(super) struct WorkerState {
    pub(super) trusted_proxies: Vec<Network>,
    pub(super) listed: ListedOrigins,
    pub(super) security: SecurityHeaders,
    pub(super) request_timeout: Duration,
    base_path: BasePath,
    gate: Gate,
    pub(super) in_flight: InFlight,
    metrics: Metrics,
    /// Counters of routes that are not a [`resource`](super::resource), and of requests that matched no route.
    others: RefCell<HashMap<String, Arc<RouteCounts>>>,
}

impl WorkerState {
    fn new(middleware: &HttpMiddleware) -> Self {
        let settings = &middleware.settings;
        Self {
            trusted_proxies: settings.trusted_proxies.clone(),
            listed: ListedOrigins::new(&settings.cors_origins),
            security: SecurityHeaders::new(middleware.is_https, settings.hsts_subdomains),
            request_timeout: Duration::from_secs(settings.request_timeout_seconds),
            base_path: middleware.base_path.clone(),
            gate: middleware.gate.clone(),
            in_flight: middleware.metrics.worker(),
            metrics: middleware.metrics.clone(),
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

impl<S> Transform<S, ServiceRequest> for HttpMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = HttpMiddlewareService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, routes: S) -> Self::Future {
        ready(Ok(HttpMiddlewareService { routes, worker: Rc::new(WorkerState::new(self)) }))
    }
}

/// The middleware's service in one worker.
pub struct HttpMiddlewareService<S> {
    routes: S,
    worker: Rc<WorkerState>,
}

impl<S> Service<ServiceRequest> for HttpMiddlewareService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    forward_ready!(routes);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let in_progress = RequestInProgress::begin(&request, &self.worker);
        if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
            return ResponseFuture::ready(in_progress, reject(request, &method_not_allowed()));
        }
        if !normalize_path(&mut request, &self.worker.base_path) {
            return ResponseFuture::ready(in_progress, reject(request, &HttpError::not_found()));
        }
        if self.worker.gate.refuses(request.path()) {
            return ResponseFuture::ready(in_progress, reject(request, &HttpError::unavailable(1)));
        }
        match catch_unwind(AssertUnwindSafe(|| self.routes.call(request))) {
            Ok(handler) => ResponseFuture::new(in_progress, handler),
            Err(_panic) => ResponseFuture::panicked(in_progress),
        }
    }
}

fn reject(request: ServiceRequest, error: &HttpError) -> ServiceResponse<BoxBody> {
    request.into_response(error.error_response())
}

fn method_not_allowed() -> HttpError {
    let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").with_header(header::ALLOW, allow)
}

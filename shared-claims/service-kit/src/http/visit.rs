//! One request, from its arrival to its log line.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::bare::problem_if_plain_text;
use super::context::RequestContext;
use super::cors::{Cors, CrossOrigin, apply};
use super::front::Worker;
use super::security::is_https;
use super::{ClientAddress, request_id};

/// The parts of a request that are needed to complete its response after the request itself was consumed.
pub(super) struct Visit {
    worker: Rc<Worker>,
    began: Instant,
    context: RequestContext,
    asker: Option<CrossOrigin>,
    is_https: bool,
    is_routine: bool,
}

impl Visit {
    /// Creates the request's id and determines its client, for handlers and for the log.
    pub(super) fn begin(request: &ServiceRequest, worker: &Rc<Worker>) -> Self {
        worker.in_flight.add();
        let (headers, peer) = (request.headers(), request.peer_addr());
        let client = ClientAddress::of(peer, headers, &worker.trusted_proxies);
        let path = request.path();
        Self {
            began: Instant::now(),
            asker: CrossOrigin::of(request, &worker.listed),
            is_https: is_https(request, worker),
            is_routine: matches!(
                path.trim_end_matches('/'),
                "/healthz" | "/readyz" | "/metrics" | "/revocations"
            ),
            context: RequestContext::add_to(request, client),
            worker: Rc::clone(worker),
        }
    }

    /// Runs `part` so that its log lines name the request.
    pub(super) fn logging<T>(&self, part: impl FnOnce() -> T) -> T {
        self.context.logging(part)
    }

    pub(super) fn deadline(&self) -> Instant {
        self.began + self.worker.patience
    }

    /// The check of the request's origin that must complete before the response, if one is needed.
    pub(super) fn origin_question(&self) -> Option<LocalBoxFuture<'static, bool>> {
        self.asker.as_ref()?.question(self.cors())
    }

    fn cors(&self) -> &Cors {
        self.context.route().map_or(&Cors::Listed, |route| &route.cors)
    }

    /// Adds the headers to the response, counts it and writes the log line.
    pub(super) fn end(
        &self,
        request: Option<&HttpRequest>,
        response: HttpResponse,
        is_known: bool,
        cause: Option<&str>,
    ) -> HttpResponse {
        let mut response = problem_if_plain_text(response);
        self.worker.security.add(response.headers_mut(), self.is_https);
        let (cors, route) = (self.cors(), self.context.route());
        let methods = route.map(|route| &route.methods);
        if apply(cors, self.asker.as_ref(), is_known, methods, response.headers_mut()) {
            response = granted(response);
        }
        if let Ok(id) = HeaderValue::from_str(self.context.id().answered()) {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        let (status, took) = (response.status(), self.began.elapsed());
        let duration_ms = took.as_secs_f64() * 1000.0;
        if let Some(route) = route {
            let counts = route.counts.get_or_init(|| self.worker.counts(&route.pattern));
            counts.count(self.context.method(), status.as_u16(), took);
            self.log(status, &route.pattern, duration_ms, cause);
        } else {
            let pattern = request.and_then(HttpRequest::match_pattern);
            let counts = self.worker.other_counts(pattern.as_deref().unwrap_or("unmatched"));
            counts.count(self.context.method(), status.as_u16(), took);
            self.log(status, pattern.as_deref().unwrap_or("-"), duration_ms, cause);
        }
        response
    }

    fn log(&self, status: StatusCode, route: &str, duration_ms: f64, cause: Option<&str>) {
        let is_routine = self.is_routine && !status.is_client_error() && !status.is_server_error();
        if is_routine && !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let status_code = status.as_u16();
        let duration_ms = (duration_ms * 1000.0).round() / 1000.0;
        self.logging(|| {
            if status.is_server_error() {
                tracing::error!(route, status = status_code, duration_ms, cause, "request");
            } else if status.is_client_error() {
                tracing::warn!(route, status = status_code, duration_ms, "request");
            } else if is_routine {
                tracing::debug!(route, status = status_code, duration_ms, "request");
            } else {
                tracing::info!(route, status = status_code, duration_ms, "request");
            }
        });
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.worker.in_flight.remove();
    }
}

/// The response to a granted preflight: only the headers of the original response.
fn granted(response: HttpResponse) -> HttpResponse {
    let mut response = response.set_body(BoxBody::new(()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

//! One request, from its arrival to its log line: the future that runs the handler with a deadline and completes its
//! response.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError};
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use super::context::{REQUEST_ID_HEADER, RequestContext};
use super::cors::{Cors, CrossOrigin, apply};
use super::middleware::WorkerState;
use super::response::{in_chunks, is_https, problem_if_plain_text};
use super::{ClientAddress, HttpError};

/// The parts of a request that are needed to complete its response after the request itself was consumed.
pub(super) struct RequestInProgress {
    worker: Rc<WorkerState>,
    began: Instant,
    context: RequestContext,
    cross_origin: Option<CrossOrigin>,
    is_https: bool,
    is_routine: bool,
}

impl RequestInProgress {
    /// Creates the request's id and determines its client, for handlers and for the log.
    pub(super) fn begin(request: &ServiceRequest, worker: &Rc<WorkerState>) -> Self {
        worker.in_flight.add();
        let (headers, peer) = (request.headers(), request.peer_addr());
        let client = ClientAddress::of(peer, headers, &worker.trusted_proxies);
        let path = request.path();
        Self {
            began: Instant::now(),
            cross_origin: CrossOrigin::of(request, &worker.listed),
            is_https: is_https(request, worker),
            is_routine: matches!(
                path.trim_end_matches('/'),
                "/healthz" | "/readyz" | "/metrics" | "/revocations"
            ),
            context: RequestContext::add_to(request, client),
            worker: Rc::clone(worker),
        }
    }

    /// Runs `work` so that its log lines name the request.
    pub(super) fn log_within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.context.log_within(work)
    }

    pub(super) fn deadline(&self) -> Instant {
        self.began + self.worker.request_timeout
    }

    /// The check of the request's origin that must complete before the response, if one is needed.
    pub(super) fn origin_check(&self) -> Option<LocalBoxFuture<'static, bool>> {
        self.cross_origin.as_ref()?.check_origin(self.cors())
    }

    fn cors(&self) -> &Cors {
        self.context.route().map_or(&Cors::Listed, |route| &route.cors)
    }

    /// Adds the headers to the response, counts it and writes the log line.
    pub(super) fn complete(
        &self,
        request: Option<&HttpRequest>,
        response: HttpResponse,
        is_known: bool,
        cause: Option<&str>,
    ) -> HttpResponse {
        let mut response = problem_if_plain_text(response);
        self.worker.security.add(response.headers_mut(), self.is_https);
        self.context.add_headers(response.headers_mut());
        let (cors, route) = (self.cors(), self.context.route());
        let methods = route.map(|route| &route.methods);
        if apply(cors, self.cross_origin.as_ref(), is_known, methods, response.headers_mut()) {
            response = preflight_response(response);
        }
        if let Ok(id) = HeaderValue::from_str(self.context.id().for_response()) {
            response.headers_mut().insert(REQUEST_ID_HEADER, id);
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
        self.log_within(|| {
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

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.worker.in_flight.remove();
    }
}

/// The response to a granted preflight: only the headers of the original response.
fn preflight_response(response: HttpResponse) -> HttpResponse {
    let mut response = response.set_body(BoxBody::new(()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

pin_project! {
    /// The future that [`HttpMiddlewareService`](super::middleware::HttpMiddlewareService) returns for a request.
    pub struct ResponseFuture<F> {
        in_progress: RequestInProgress,
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        /// The handler runs. The timer for the deadline is created when the handler first waits, because many handlers
        /// never do.
        Handling { #[pin] handler: F, #[pin] deadline: Option<Sleep> },
        /// The handler is done. The check whether its resource knows the requesting origin may still run.
        Responding { outcome: Option<Outcome>, origin_check: Option<LocalBoxFuture<'static, bool>> },
    }
}

/// The handler's result. After a panic and after the deadline there is no request any more, only a response.
enum Outcome {
    WithRequest(ServiceResponse<BoxBody>),
    WithoutRequest { response: HttpResponse, cause: String },
}

impl Outcome {
    fn without_request(error: &dyn ResponseError) -> Self {
        Self::WithoutRequest { response: error.error_response(), cause: error.to_string() }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(in_progress: RequestInProgress, handler: F) -> Self {
        Self { in_progress, state: State::Handling { handler, deadline: None } }
    }

    pub(super) fn ready(in_progress: RequestInProgress, response: ServiceResponse<BoxBody>) -> Self {
        Self::with(in_progress, Outcome::WithRequest(response))
    }

    pub(super) fn panicked(in_progress: RequestInProgress) -> Self {
        // The panic hook has already logged the panic.
        Self::with(in_progress, Outcome::without_request(&HttpError::internal("panic")))
    }

    fn with(in_progress: RequestInProgress, outcome: Outcome) -> Self {
        let origin_check = in_progress.origin_check();
        Self { in_progress, state: State::Responding { outcome: Some(outcome), origin_check } }
    }
}

impl<F> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<BoxBody>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Handling { handler, deadline } => {
                    let outcome = ready!(poll_handler(this.in_progress, handler, deadline, context));
                    let origin_check = this.in_progress.origin_check();
                    this.state.set(State::Responding { outcome: Some(outcome), origin_check });
                }
                StateProjection::Responding { outcome, origin_check } => {
                    let is_known = match origin_check {
                        Some(origin_check) => ready!(origin_check.as_mut().poll(context)),
                        None => false,
                    };
                    let Some(outcome) = outcome.take() else { return Poll::Pending };
                    return Poll::Ready(finish(this.in_progress, outcome, is_known));
                }
            }
        }
    }
}

/// Polls the handler and turns a panic into a response; actix-web itself would close the connection. The deadline is
/// the last of many time limits: it ends what no other limit covers.
fn poll_handler<F>(
    in_progress: &RequestInProgress,
    handler: Pin<&mut F>,
    mut deadline: Pin<&mut Option<Sleep>>,
    context: &mut Context<'_>,
) -> Poll<Outcome>
where
    F: Future<Output = Result<ServiceResponse<BoxBody>, Error>>,
{
    let polled = in_progress.log_within(|| catch_unwind(AssertUnwindSafe(|| handler.poll(context))));
    match polled {
        Ok(Poll::Ready(Ok(response))) => return Poll::Ready(Outcome::WithRequest(response)),
        Ok(Poll::Ready(Err(error))) => {
            return Poll::Ready(Outcome::without_request(error.as_response_error()));
        }
        Err(_panic) => return Poll::Ready(Outcome::without_request(&HttpError::internal("panic"))),
        Ok(Poll::Pending) => {}
    }
    if deadline.is_none() {
        deadline.set(Some(tokio::time::sleep_until(in_progress.deadline())));
    }
    let Some(deadline) = deadline.as_pin_mut() else { return Poll::Pending };
    deadline.poll(context).map(|()| {
        Outcome::without_request(&HttpError::unavailable(1).with_cause("the request's deadline passed"))
    })
}

fn finish(
    in_progress: &mut RequestInProgress,
    outcome: Outcome,
    is_known: bool,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match outcome {
        Outcome::WithRequest(response) => {
            let cause = response.response().error().map(ToString::to_string);
            let (request, response) = response.into_parts();
            let response = in_progress.complete(Some(&request), response, is_known, cause.as_deref());
            Ok(ServiceResponse::new(request, response.map_body(|_, body| in_chunks(body))))
        }
        Outcome::WithoutRequest { response, cause } => {
            let response = in_progress.complete(None, response, is_known, Some(&cause));
            Err(InternalError::from_response("", response).into())
        }
    }
}

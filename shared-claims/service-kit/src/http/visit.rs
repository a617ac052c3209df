//! One request from its coming in to its line in the log.

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode};
use tokio::time::Instant;
use tracing::Span;

use super::{ClientAddress, Front, RequestId, request_id, security};
use crate::metrics::InFlight;

/// What the log line says, gathered before the request is used up.
pub(super) struct Visit {
    began: Instant,
    method: Method,
    span: Span,
    id: RequestId,
    is_routine: bool,
    _in_flight: InFlight,
}

impl Visit {
    /// Names the request and its client, for handlers and for the log. The query is never looked at: it may carry what
    /// belongs into no log.
    pub(super) fn begin(request: &mut ServiceRequest, front: &Front) -> Self {
        let id = RequestId::of(request.headers());
        let client =
            ClientAddress::of(request.peer_addr(), request.headers(), &front.settings.trusted_proxies);
        let path = request.path().to_owned();
        let span = tracing::info_span!(
            "http.request",
            method = %request.method(),
            path,
            request_id = id.as_str(),
            client = client.map(|client| tracing::field::display(client.0)),
        );
        request.extensions_mut().insert(id.clone());
        if let Some(client) = client {
            request.extensions_mut().insert(client);
        }
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            span,
            id,
            is_routine: matches!(
                path.trim_end_matches('/'),
                "/healthz" | "/readyz" | "/metrics" | "/revocations"
            ),
            _in_flight: front.metrics.request_began(),
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Signs the answer, counts it and writes its line.
    pub(super) fn end(
        &self,
        front: &Front,
        response: &mut HttpResponse,
        route: Option<&str>,
        cause: Option<&str>,
    ) {
        security::secure(response.headers_mut());
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        let took = self.began.elapsed();
        let status = response.status();
        front.metrics.request_ended(&self.method, route, status.as_u16(), took);
        self.log(status, route.unwrap_or("-"), took.as_secs_f64() * 1000.0, cause);
    }

    fn log(&self, status: StatusCode, route: &str, duration_ms: f64, cause: Option<&str>) {
        let status_code = status.as_u16();
        let duration_ms = (duration_ms * 1000.0).round() / 1000.0;
        self.span.in_scope(|| {
            if status.is_server_error() {
                tracing::error!(route, status = status_code, duration_ms, cause, "request");
            } else if status.is_client_error() {
                tracing::warn!(route, status = status_code, duration_ms, "request");
            } else if self.is_routine {
                tracing::debug!(route, status = status_code, duration_ms, "request");
            } else {
                tracing::info!(route, status = status_code, duration_ms, "request");
            }
        });
    }
}

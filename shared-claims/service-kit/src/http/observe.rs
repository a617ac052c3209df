//! The outermost layer: what goes in gets a name, what comes out gets its headers and its line in the log.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use futures_util::FutureExt;
use tracing::Instrument;

use super::bare::dress;
use super::visit::Visit;
use super::{Front, Refusal};

pub(super) async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(front) = request.app_data::<Front>().cloned() else {
        return Err(Refusal::internal("the application lacks its front").into());
    };
    let visit = Visit::begin(&mut request, &front);
    let answered = bounded(&front, next, request).instrument(visit.span()).await;
    match answered {
        Ok(response) => {
            let cause = response.response().error().map(ToString::to_string);
            let route = response.request().match_pattern();
            let mut response = dress(response.map_into_boxed_body());
            visit.end(&front, response.response_mut(), route.as_deref(), cause.as_deref());
            Ok(response)
        }
        // An error of this layer or of the layers below: without the request, which is gone.
        Err(error) => {
            let mut response = super::bare::dress_alone(error.error_response());
            visit.end(&front, &mut response, None, Some(&error.to_string()));
            Err(InternalError::from_response("", response).into())
        }
    }
}

/// Runs the rest, and turns a panic into an error: actix would drop the connection. The deadline is the last of many:
/// it catches what no other bounds, like a body that never ends.
async fn bounded<B: MessageBody + 'static>(
    front: &Front,
    next: Next<B>,
    request: ServiceRequest,
) -> Result<ServiceResponse<B>, Error> {
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return Err(refused_method());
    }
    let patience = Duration::from_secs(front.settings.request_timeout_seconds);
    let rest = AssertUnwindSafe(async move { next.call(request).await }).catch_unwind();
    match tokio::time::timeout(patience, rest).await {
        Ok(Ok(answered)) => answered,
        // What it was, the panic hook has logged.
        Ok(Err(_panic)) => Err(Refusal::internal("panic").into()),
        Err(_elapsed) => Err(Refusal::unavailable(1).because("the request's deadline passed").into()),
    }
}

fn refused_method() -> Error {
    let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    refusal.with_header(header::ALLOW, allow).into()
}

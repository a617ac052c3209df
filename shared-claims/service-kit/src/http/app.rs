//! The application that every route stands in.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use actix_web::middleware::{NormalizePath, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpResponse, ResponseError};

use super::cors::cors;
use super::observe::observe;
use super::{BODY_LIMIT, HttpSettings, Refusal};
use crate::metrics::Metrics;

/// What the manners need to know; shared by all workers.
#[derive(Clone)]
pub struct Front {
    pub(super) settings: Arc<HttpSettings>,
    pub(super) metrics: Metrics,
}

impl Front {
    /// Manners by these settings, counted there.
    pub fn new(settings: HttpSettings, metrics: Metrics) -> Self {
        Self { settings: Arc::new(settings), metrics }
    }
}

/// An application with all manners in place. `routes` are registered without trailing slash.
pub fn app(
    front: &Front,
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
        .app_data(front.clone())
        .configure(extractor_limits)
        .configure(|config| routes(config))
        .default_service(web::to(not_found))
        // The last one is the outermost.
        .wrap(NormalizePath::trim())
        .wrap(cors(&front.settings))
        .wrap(from_fn(observe))
}

async fn not_found() -> Result<HttpResponse, Refusal> {
    Err(Refusal::new(StatusCode::NOT_FOUND, "Not found"))
}

/// actix's own extractors, for handlers that use them: the same limit, and their errors become problems.
fn extractor_limits(config: &mut ServiceConfig) {
    let json = web::JsonConfig::default().limit(BODY_LIMIT).error_handler(|error, _| {
        refused(match &error {
            JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            JsonPayloadError::Deserialize(inner) if inner.is_data() => StatusCode::UNPROCESSABLE_ENTITY,
            other => other.status_code(),
        })
    });
    let form = web::FormConfig::default().limit(BODY_LIMIT).error_handler(|error, _| {
        refused(match &error {
            UrlencodedError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            UrlencodedError::Parse(_) => StatusCode::UNPROCESSABLE_ENTITY,
            other => other.status_code(),
        })
    });
    let query = web::QueryConfig::default().error_handler(|_, _| refused(StatusCode::UNPROCESSABLE_ENTITY));
    let path = web::PathConfig::default().error_handler(|_, _| refused(StatusCode::NOT_FOUND));
    config
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .app_data(json)
        .app_data(form)
        .app_data(query)
        .app_data(path);
}

fn refused(status: StatusCode) -> Error {
    Refusal::new(status, status.canonical_reason().unwrap_or("Error")).into()
}

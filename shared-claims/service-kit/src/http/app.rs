//! The actix-web application that contains all routes.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpResponse, ResponseError};

use super::{BODY_LIMIT, Front, HttpError};

/// Creates an application whose responses have the common headers. Register `routes` without a trailing slash.
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
        .app_data(front.base_path())
        .configure(extractor_limits)
        .configure(|config| routes(config))
        .default_service(web::to(not_found))
        // One layer does everything that each response needs, because several layers would cost each request more.
        .wrap(front.clone())
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

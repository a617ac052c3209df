//! Which scripts may read our answers.

use actix_cors::Cors;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};

use super::{HttpSettings, request_id};

/// Swagger UI sends it with its request for a token.
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// The listed origins, credentials included. A request of another origin is served without the headers: keeping
/// scripts from *sending* is the cookie rule's work, not that of CORS.
pub(super) fn cors(settings: &HttpSettings) -> Cors {
    let exposed: [HeaderName; 5] = [LINK, LOCATION, request_id::HEADER, WWW_AUTHENTICATE, RETRY_AFTER];
    let mut cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE, request_id::HEADER, REQUESTED_WITH])
        .expose_headers(exposed)
        .supports_credentials()
        .block_on_origin_mismatch(false)
        .max_age(600);
    for origin in &settings.cors_origins {
        cors = cors.allowed_origin(origin);
    }
    cors
}

//! The standards face (RFC 6749 and what belongs to it): what OAuth clients and other services call.

mod client;
mod credentials;
mod error;
mod form;
pub(super) mod introspect;
mod introspection;
pub(super) mod revoke;
pub(super) mod token;

use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, ResponseError};
use service_kit::http::{Endpoint, resource};

pub use self::client::ClientAuth;
use self::error::OauthError;

/// Registers the endpoints.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(endpoint("/oauth2/token").post(token::token))
        .service(endpoint("/oauth2/introspect").post(introspect::introspect))
        .service(endpoint("/oauth2/revoke").post(revoke::revoke));
}

fn endpoint(path: &str) -> Endpoint {
    resource(path).refusing_by(other_method)
}

fn other_method() -> HttpResponse {
    OauthError::OtherMethod.error_response()
}

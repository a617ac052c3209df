//! The OAuth endpoints (RFC 6749 and related RFCs), which OAuth clients and other services call.

mod client_auth;
mod error;
mod form;
pub(super) mod introspect;
pub(super) mod revoke;
pub(super) mod token;
pub(super) mod userinfo;

use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, ResponseError};
use service_kit::http::{Cors, Endpoint, resource};

pub use self::client_auth::ClientAuth;
use self::error::OauthError;

/// Registers the endpoints.
pub(super) fn configure(config: &mut ServiceConfig, client_auth: &ClientAuth) {
    config
        .service(endpoint("/oauth2/token").cors(clients_origins(client_auth)).post(token::token))
        .service(
            endpoint("/oauth2/userinfo")
                .cors(clients_origins(client_auth))
                .get(userinfo::show)
                .post(userinfo::show),
        )
        .service(endpoint("/oauth2/introspect").post(introspect::introspect))
        .service(endpoint("/oauth2/revoke").cors(clients_origins(client_auth)).post(revoke::revoke));
}

/// The CORS rules for endpoints that applications in a browser call: the origins of the redirect URIs of public
/// clients are allowed.
fn clients_origins(client_auth: &ClientAuth) -> Cors {
    let clients = client_auth.clients().clone();
    Cors::listed_and(move |origin| {
        let clients = clients.clone();
        async move { clients.has_public_origin(&origin).await }
    })
}

fn endpoint(path: &str) -> Endpoint {
    resource(path).on_other_method(other_method)
}

fn other_method() -> HttpResponse {
    OauthError::OtherMethod.error_response()
}

//! `/openapi.json`: the API description, generated from the handlers.

use service_kit::docs::{ProblemDetails, authorize_at};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, Scopes, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "auth-service",
        description = "Users, sessions and tokens. Authorize with the user name and password of an account."
    ),
    paths(
        super::account::register,
        super::token::token,
        super::login::login,
        super::refresh::refresh,
        super::logout::logout,
        super::logout::logout_all,
        super::account::me,
        super::passwords::change,
        super::passwords::forgot,
        super::passwords::reset,
        super::email::change,
        super::email::verify,
        super::email::request_verification,
        super::sessions::list,
        super::sessions::end,
        super::sessions::end_others,
        super::applications::list,
        super::applications::disconnect,
        super::oauth2::token::token,
        super::oauth2::revoke::revoke,
        super::oauth2::introspect::introspect,
        super::oauth2::userinfo::show,
        super::well_known::jwks,
        super::well_known::metadata,
        super::revocations::show,
    ),
    components(responses(ProblemDetails)),
    tags(
        (name = "account", description = "The user's own account and sessions"),
        (name = "token", description = "Tokens for programs of the same product"),
        (name = "oauth2", description = "Tokens for OAuth clients"),
        (name = "browser", description = "Tokens in cookies"),
        (name = "discovery", description = "The issuer's metadata and keys"),
        (name = "revocation", description = "The list of revoked tokens"),
    )
)]
struct Api;

/// Builds the document. Its password flow uses the `/auth/token` endpoint, which callers reach under `base_path`.
pub fn document(scopes: impl Iterator<Item = String>, base_path: &str) -> Document {
    let mut document = Api::openapi();
    let scopes = scopes.map(|scope| {
        let description = match scope.as_str() {
            "openid" => "Say who you are",
            "profile" => "Show your name",
            "todos:read" => "See your todos",
            "todos:write" => "Create, change and delete your todos",
            _ => "",
        };
        (scope, description.to_owned())
    });
    authorize_at(&mut document, &format!("{base_path}/auth/token"), scopes.collect::<Scopes>());
    let client = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Id and secret of an OAuth client"));
    if let Some(components) = &mut document.components {
        components.add_security_scheme("client", SecurityScheme::Http(client.build()));
    }
    document
}

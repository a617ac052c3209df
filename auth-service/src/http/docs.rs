//! `/openapi.json`: the document, made from the handlers.

use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes as SchemeScopes, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi as Document};
use utoipa::{OpenApi, ToResponse, ToSchema};

/// A refusal: problem details (RFC 9457).
#[derive(ToSchema, ToResponse)]
#[response(description = "Problem details (RFC 9457)", content_type = "application/problem+json")]
#[expect(dead_code, reason = "the shape of `shared_claims::problem::Problem`, for the document")]
pub(super) struct Refused {
    r#type: String,
    title: String,
    status: u16,
    /// What happened, safe to show.
    detail: String,
    /// The fields that broke a rule (422 only).
    errors: Option<Vec<RefusedField>>,
}

/// A field that broke a rule.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of `shared_claims::problem::FieldError`, for the document")]
pub(super) struct RefusedField {
    field: String,
    message: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "auth-service",
        description = "Users, sessions and tokens. Authorize with the user name and password of an account."
    ),
    paths(
        super::register::register,
        super::token::token,
        super::login::login,
        super::refresh::refresh,
        super::logout::logout,
        super::logout_all::logout_all,
        super::me::me,
        super::sessions::list,
        super::sessions::end,
        super::revoke::revoke,
        super::jwks::show,
        super::discovery::show,
        super::revocations::show,
    ),
    components(responses(Refused)),
    tags(
        (name = "account", description = "The user's own account and sessions"),
        (name = "token", description = "Tokens for programs"),
        (name = "browser", description = "Tokens in cookies"),
        (name = "discovery", description = "What verifiers need"),
        (name = "revocation", description = "What verifiers follow"),
    )
)]
struct Api;

/// The document, with the password flow at our own token endpoint.
pub fn document(scopes: impl Iterator<Item = String>) -> Document {
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
    let password =
        OAuth2::new([Flow::Password(Password::new("/auth/token", scopes.collect::<SchemeScopes>()))]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("password", SecurityScheme::OAuth2(password));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document
}

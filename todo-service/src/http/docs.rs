//! `/openapi.json`: the document, made from the handlers.

use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
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
        title = "todo-service",
        description = "Todos, each user's apart. Authorize with the user name and password of an account of the issuer."
    ),
    paths(
        super::list::list,
        super::create::create,
        super::show::show,
        super::change::change,
        super::delete::delete,
        super::whoami::whoami,
    ),
    components(responses(Refused), schemas(RefusedField)),
    tags((name = "todos"), (name = "token"))
)]
struct Api;

/// The document, with the password flow at that token endpoint.
pub fn document(token_url: &str) -> Document {
    let mut document = Api::openapi();
    let scopes = Scopes::from_iter([
        ("todos:read", "See your todos"),
        ("todos:write", "Create, change and delete your todos"),
    ]);
    let password = OAuth2::new([Flow::Password(Password::new(token_url, scopes))]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("password", SecurityScheme::OAuth2(password));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document
}

//! The parts that the API documents of both services share: the error response and the security schemes.

use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{ToResponse, ToSchema};

/// An error response: problem details (RFC 9457).
#[derive(ToSchema, ToResponse)]
#[response(description = "Problem details (RFC 9457)", content_type = "application/problem+json")]
#[expect(dead_code, reason = "the shape of `shared_claims::problem::Problem`, for the document")]
pub struct ProblemDetails {
    r#type: String,
    title: String,
    status: u16,
    /// What happened, safe to show.
    detail: String,
    /// The fields that broke a rule (422 only).
    errors: Option<Vec<InvalidField>>,
}

/// A field that broke a rule.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of `shared_claims::problem::FieldError`, for the document")]
pub struct InvalidField {
    field: String,
    message: String,
}

/// Adds the security schemes `password` (OAuth 2.0 with these scopes, at this token endpoint) and `bearer`.
pub fn authorize_at(document: &mut OpenApi, token_url: &str, scopes: Scopes) {
    let password = OAuth2::new([Flow::Password(Password::new(token_url, scopes))]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("password", SecurityScheme::OAuth2(password));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
}

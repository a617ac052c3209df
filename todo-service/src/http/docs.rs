//! `/openapi.json`: the API document, generated from the handlers.

use service_kit::docs::{InvalidField, ProblemDetails, authorize_at};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::Scopes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "todo-service",
        description = "The todos of each user. Authorize with the user name and password of an account at the issuer."
    ),
    paths(
        super::list::list,
        super::create::create,
        super::show::show,
        super::change::change,
        super::delete::delete,
        super::whoami::whoami,
    ),
    components(responses(ProblemDetails), schemas(InvalidField)),
    tags((name = "todos"), (name = "token"))
)]
struct Api;

/// The document, with the OAuth password flow at this token endpoint.
pub fn document(token_url: &str) -> Document {
    let mut document = Api::openapi();
    let scopes = Scopes::from_iter([
        ("todos:read", "See your todos"),
        ("todos:write", "Create, change and delete your todos"),
    ]);
    authorize_at(&mut document, token_url, scopes);
    document
}

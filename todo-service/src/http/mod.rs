//! The HTTP endpoints, and the API document that is generated from them. The only module that knows actix-web.

mod extract;
mod list;
mod messages;
mod todo;
mod whoami;

use actix_web::web::{self, ServiceConfig};
use service_kit::docs::{InvalidField, ProblemDetails, authorize_at};
use service_kit::http::resource;
use shared_claims::actix::BearerAuth;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::Scopes;

use crate::todos::Todos;

/// Registers the endpoints and the data that they need.
pub fn configure(config: &mut ServiceConfig, todos: &Todos, auth: &BearerAuth) {
    config
        .app_data(web::Data::new(todos.clone()))
        .app_data(web::Data::new(auth.clone()))
        .service(resource("/todos").get(list::list).post(todo::create))
        .service(resource("/todos/{id}").get(todo::show).put(todo::change).delete(todo::delete))
        .service(resource("/whoami").get(whoami::whoami));
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "todo-service",
        description = "The todos of each user. Authorize with the user name and password of an account at the issuer."
    ),
    paths(
        list::list,
        todo::create,
        todo::show,
        todo::change,
        todo::delete,
        whoami::whoami,
    ),
    components(responses(ProblemDetails), schemas(InvalidField)),
    tags((name = "todos"), (name = "token"))
)]
struct Api;

/// The document, with the OAuth password flow at this token endpoint.
pub fn api_document(token_url: &str) -> Document {
    let mut document = Api::openapi();
    let scopes = Scopes::from_iter([
        ("todos:read", "See your todos"),
        ("todos:write", "Create, change and delete your todos"),
    ]);
    authorize_at(&mut document, token_url, scopes);
    document
}

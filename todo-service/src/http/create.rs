//! `POST /todos/`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use service_kit::http::{BasePath, HttpError, Json};

use super::authorized::Authorized;
use super::body::CreateRequest;
use super::location::path_of;
use super::refuse::write_error;
use super::render::TodoResponse;
use super::scopes::TodosWrite;
use crate::todos::Todos;

#[utoipa::path(
    post,
    path = "/todos/",
    tag = "todos",
    summary = "Create a todo",
    request_body = CreateRequest,
    responses(
        (status = 201, body = TodoResponse, headers(("Location" = String, description = "The path of the new todo"))),
        (status = 409, response = service_kit::docs::ProblemDetails),
        (status = 413, response = service_kit::docs::ProblemDetails),
        (status = 415, response = service_kit::docs::ProblemDetails),
        (status = 422, response = service_kit::docs::ProblemDetails),
    ),
    security(("password" = ["todos:write"]), ("bearer" = [])),
)]
pub(super) async fn create(
    request: Authorized<TodosWrite, Json<CreateRequest>>,
    todos: web::Data<Todos>,
    base_path: BasePath,
) -> Result<HttpResponse, HttpError> {
    let Authorized { user, input } = request;
    let todo = todos.create(&user.sub, input.into_inner().parse()?).await.map_err(write_error)?;
    let location = (header::LOCATION, path_of(&base_path, todo.id));
    Ok(HttpResponse::Created().insert_header(location).json(TodoResponse::from(todo)))
}

//! Creates, shows, changes and deletes one todo.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use service_kit::http::{BasePath, HttpError, Json};

use super::extract::{Authorized, TodoId, TodosRead, TodosWrite, not_found, path_of};
use super::messages::{ChangeRequest, CreateRequest, TodoResponse};
use crate::todos::{Todos, WriteError};

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

#[utoipa::path(
    get,
    path = "/todos/{id}",
    tag = "todos",
    summary = "Show a todo",
    params(("id" = String, Path, format = Uuid, description = "The id of the todo")),
    responses((status = 200, body = TodoResponse), (status = 404, response = service_kit::docs::ProblemDetails)),
    security(("password" = ["todos:read"]), ("bearer" = [])),
)]
pub(super) async fn show(
    request: Authorized<TodosRead, TodoId>,
    todos: web::Data<Todos>,
) -> Result<HttpResponse, HttpError> {
    let Authorized { user, input: TodoId(id) } = request;
    let todo = todos.find(&user.sub, id).await?.ok_or_else(not_found)?;
    Ok(HttpResponse::Ok().json(TodoResponse::from(todo)))
}

#[utoipa::path(
    put,
    path = "/todos/{id}",
    tag = "todos",
    summary = "Change a todo",
    description = "Members that are absent keep their value.",
    params(("id" = String, Path, format = Uuid, description = "The id of the todo")),
    request_body = ChangeRequest,
    responses(
        (status = 200, body = TodoResponse),
        (status = 404, response = service_kit::docs::ProblemDetails),
        (status = 409, response = service_kit::docs::ProblemDetails),
        (status = 413, response = service_kit::docs::ProblemDetails),
        (status = 415, response = service_kit::docs::ProblemDetails),
        (status = 422, response = service_kit::docs::ProblemDetails),
    ),
    security(("password" = ["todos:write"]), ("bearer" = [])),
)]
pub(super) async fn change(
    request: Authorized<TodosWrite, (TodoId, Json<ChangeRequest>)>,
    todos: web::Data<Todos>,
) -> Result<HttpResponse, HttpError> {
    let Authorized { user, input: (TodoId(id), body) } = request;
    let changed = todos.change(&user.sub, id, body.into_inner().parse()?).await.map_err(write_error)?;
    Ok(HttpResponse::Ok().json(TodoResponse::from(changed.ok_or_else(not_found)?)))
}

#[utoipa::path(
    delete,
    path = "/todos/{id}",
    tag = "todos",
    summary = "Delete a todo",
    params(("id" = String, Path, format = Uuid, description = "The id of the todo")),
    responses((status = 204, description = "The todo was deleted"), (status = 404, response = service_kit::docs::ProblemDetails)),
    security(("password" = ["todos:write"]), ("bearer" = [])),
)]
pub(super) async fn delete(
    request: Authorized<TodosWrite, TodoId>,
    todos: web::Data<Todos>,
) -> Result<HttpResponse, HttpError> {
    let Authorized { user, input: TodoId(id) } = request;
    if todos.delete(&user.sub, id).await? { Ok(HttpResponse::NoContent().finish()) } else { Err(not_found()) }
}

pub(super) fn write_error(error: WriteError) -> HttpError {
    match error {
        WriteError::LimitReached(why) => HttpError::new(StatusCode::CONFLICT, why.to_string()),
        WriteError::Database(error) => error.into(),
    }
}

//! `GET /todos/{id}`.

use actix_web::{HttpResponse, web};
use service_kit::http::HttpError;

use super::authorized::Authorized;
use super::location::TodoId;
use super::refuse::not_found;
use super::render::TodoResponse;
use super::scopes::TodosRead;
use crate::todos::Todos;

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

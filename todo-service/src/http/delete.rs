//! `DELETE /todos/{id}`.

use actix_web::{HttpResponse, web};
use service_kit::http::HttpError;

use super::authorized::Authorized;
use super::location::TodoId;
use super::refuse::not_found;
use super::scopes::TodosWrite;
use crate::todos::Todos;

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

//! `PUT /todos/{id}`.

use actix_web::{HttpResponse, web};
use service_kit::http::{HttpError, Json};

use super::authorized::Authorized;
use super::body::ChangeRequest;
use super::location::TodoId;
use super::refuse::{not_found, write_error};
use super::render::TodoResponse;
use super::scopes::TodosWrite;
use crate::todos::Todos;

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

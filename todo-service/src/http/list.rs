//! `GET /todos/`.

use actix_web::http::header::{self, ContentType};
use actix_web::{HttpResponse, web};
use service_kit::http::{BasePath, HttpError, Query};
use url::form_urlencoded;

use super::extract::{Authorized, TodosRead};
use super::messages::TodoResponse;
use crate::domain::{Cursor, Limit, PageRequest, Todo};
use crate::todos::{TodoPage, Todos};

#[utoipa::path(
    get,
    path = "/todos/",
    tag = "todos",
    summary = "List todos",
    description = "Returns the newest todos first. A page has `limit` todos, or fewer if these have more than 1 MiB. If there are more, the header `Link` has the URL of the next page.",
    params(
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 200, description = "The number of todos on the page; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The cursor from a `Link` header"),
        ("completed" = Option<bool>, Query, description = "Only completed todos (true), or only the others (false)"),
    ),
    responses(
        (status = 200, body = [TodoResponse], headers(("Link" = String, description = "rel=\"next\""))),
        (status = 422, response = service_kit::docs::ProblemDetails),
    ),
    security(("password" = ["todos:read"]), ("bearer" = [])),
)]
pub(super) async fn list(
    request: Authorized<TodosRead, Query<Vec<(String, String)>>>,
    todos: web::Data<Todos>,
    base_path: BasePath,
) -> Result<HttpResponse, HttpError> {
    let Authorized { user, input } = request;
    let list = ListRequest::parse(input.into_inner())?;
    let page = todos.list(&user.sub, list.page, render_page).await??;
    let mut response = HttpResponse::Ok();
    if let Some(next) = page.next {
        response.insert_header((header::LINK, format!("<{}>; rel=\"next\"", list.path_to(&base_path, next))));
    }
    Ok(response.content_type(ContentType::json()).body(page.json))
}

/// The query parameters. Unknown parameters are ignored.
#[derive(Debug, Default)]
struct Parameters {
    limit: Option<String>,
    cursor: Option<String>,
    completed: Option<String>,
}

impl Parameters {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, HttpError> {
        let mut parameters = Self::default();
        for (name, value) in pairs {
            let parameter = match name.as_str() {
                "limit" => &mut parameters.limit,
                "cursor" => &mut parameters.cursor,
                "completed" => &mut parameters.completed,
                _ => continue,
            };
            if parameter.replace(value).is_some() {
                return Err(HttpError::field(name, "is given twice"));
            }
        }
        Ok(parameters)
    }
}

/// The requested page, and the parameters for the link to the next one.
#[derive(Debug)]
struct ListRequest {
    page: PageRequest,
    limit: Option<String>,
    completed: Option<String>,
}

impl ListRequest {
    fn parse(pairs: Vec<(String, String)>) -> Result<Self, HttpError> {
        let Parameters { limit, cursor, completed } = Parameters::read(pairs)?;
        let page = PageRequest {
            limit: match &limit {
                Some(text) => Limit::parse(text).map_err(|invalid| invalid_parameter("limit", &invalid))?,
                None => Limit::default(),
            },
            after: match &cursor {
                Some(text) => {
                    let cursor: Cursor =
                        text.parse().map_err(|invalid| invalid_parameter("cursor", &invalid))?;
                    Some(cursor.id())
                }
                None => None,
            },
            completed: match completed.as_deref() {
                Some("true") => Some(true),
                Some("false") => Some(false),
                Some(_) => return Err(invalid_parameter("completed", &"must be true or false")),
                None => None,
            },
        };
        Ok(Self { page, limit, completed })
    }

    /// The path of the page from `next` on, with the same parameters.
    fn path_to(&self, base_path: &str, next: Cursor) -> String {
        let path = format!("{base_path}/todos/?");
        let start = path.len();
        let mut query = form_urlencoded::Serializer::for_suffix(path, start);
        for (name, value) in [("limit", &self.limit), ("completed", &self.completed)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.append_pair("cursor", &next.to_string());
        query.finish()
    }
}

fn invalid_parameter(field: &str, message: &impl ToString) -> HttpError {
    HttpError::field(field, message.to_string())
}

/// The greatest size of a page, in bytes. Escaped characters make it longer than the texts in it.
const PAGE_BYTES: usize = 1024 * 1024;

/// A JSON array, and the cursor of the next page if there is one.
struct RenderedPage {
    json: String,
    next: Option<Cursor>,
}

/// Renders as many todos as fit, and at least one.
fn render_page(page: TodoPage) -> Result<RenderedPage, HttpError> {
    let mut rendered = RenderedPage { json: String::from("["), next: page.next };
    let mut last = None;
    for todo in page.todos {
        let id = todo.id;
        let json = render_todo(todo)?;
        if let Some(last) = last {
            // Two bytes: the comma before the todo and the bracket after it.
            if rendered.json.len() + json.len() + 2 > PAGE_BYTES {
                rendered.next = Some(Cursor::after(last));
                break;
            }
            rendered.json.push(',');
        }
        rendered.json.push_str(&json);
        last = Some(id);
    }
    rendered.json.push(']');
    Ok(rendered)
}

fn render_todo(todo: Todo) -> Result<String, HttpError> {
    serde_json::to_string(&TodoResponse::from(todo)).map_err(HttpError::internal)
}

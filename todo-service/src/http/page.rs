//! A page of todos as a response body of bounded size.

use service_kit::http::HttpError;

use super::render::TodoResponse;
use crate::domain::{Cursor, Todo};
use crate::todos::TodoPage;

/// The greatest size of a page, in bytes. Escaped characters make it longer than the texts in it.
const PAGE_BYTES: usize = 1024 * 1024;

/// A JSON array, and the cursor of the next page if there is one.
pub(super) struct RenderedPage {
    pub(super) json: String,
    pub(super) next: Option<Cursor>,
}

/// Renders as many todos as fit, and at least one.
pub(super) fn render(page: TodoPage) -> Result<RenderedPage, HttpError> {
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

//! A page of todos as a response body of bounded size.

use service_kit::http::HttpError;

use super::render::TodoResponse;
use crate::domain::{Cursor, Todo};
use crate::todos::Listing;

/// The greatest size of a page, in bytes. Escaped characters make it longer than the texts in it.
const PAGE_BYTES: usize = 1024 * 1024;

/// A JSON array, and the cursor of the next page if there is one.
pub(super) struct RenderedPage {
    pub(super) json: String,
    pub(super) next: Option<Cursor>,
}

/// Renders as many todos as fit, and at least one.
pub(super) fn render(listing: Listing) -> Result<RenderedPage, HttpError> {
    let mut page = RenderedPage { json: String::from("["), next: listing.next };
    let mut last = None;
    for todo in listing.todos {
        let id = todo.id;
        let rendered = one(todo)?;
        if let Some(last) = last {
            // Two bytes: the comma before the todo and the bracket after it.
            if page.json.len() + rendered.len() + 2 > PAGE_BYTES {
                page.next = Some(Cursor::after(last));
                break;
            }
            page.json.push(',');
        }
        page.json.push_str(&rendered);
        last = Some(id);
    }
    page.json.push(']');
    Ok(page)
}

fn one(todo: Todo) -> Result<String, HttpError> {
    serde_json::to_string(&TodoResponse::from(todo)).map_err(HttpError::internal)
}

//! A todo in a response.

use serde::Serialize;
use service_kit::timestamp::rfc3339;
use utoipa::ToSchema;

use crate::domain::Todo;

/// A todo.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Todo)]
pub(super) struct TodoResponse {
    #[schema(format = Uuid, example = "019ab5a0-1c00-7000-8000-00000000000a")]
    id: String,
    #[schema(example = "Buy milk")]
    title: String,
    description: Option<String>,
    completed: bool,
    #[schema(format = DateTime, example = "2026-03-01T12:00:00.000Z")]
    created_at: String,
    #[schema(format = DateTime, example = "2026-03-01T12:00:00.000Z")]
    updated_at: String,
}

impl From<Todo> for TodoResponse {
    fn from(todo: Todo) -> Self {
        Self {
            id: todo.id.hyphenated().to_string(),
            title: todo.title.into_string(),
            description: todo.description.map(crate::domain::Description::into_string),
            completed: todo.completed,
            created_at: rfc3339(todo.created_at_ms),
            updated_at: rfc3339(todo.updated_at_ms),
        }
    }
}

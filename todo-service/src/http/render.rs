//! A todo as it goes out.

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;
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

/// RFC 3339 in UTC, to the millisecond.
fn rfc3339(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(1_764_000_000_007), "2025-11-24T16:00:00.007Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    }
}

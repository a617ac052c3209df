//! The request bodies that create or change a todo, and a todo in a response.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use service_kit::http::HttpError;
use service_kit::timestamp::rfc3339;
use shared_claims::problem::{FieldError, Problem};
use utoipa::ToSchema;

use crate::domain::{Description, NewTodo, Title, Todo, TodoChange};

/// A todo to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewTodo)]
pub(super) struct CreateRequest {
    /// 1 to 200 characters, not blank, no control characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = true, min_length = 1, max_length = 200, example = "Buy milk")]
    title: Member,
    /// Up to 10,000 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false, max_length = 10_000)]
    description: Member,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false, default = false)]
    completed: Member,
}

/// A change: members that are left out keep their value.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TodoChange)]
pub(super) struct ChangeRequest {
    /// 1 to 200 characters, not blank, no control characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    title: Member,
    /// Up to 10,000 characters; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false, max_length = 10_000)]
    description: Member,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false, example = true)]
    completed: Member,
}

/// A member as it was sent; `None` if it is absent. A JSON `null` is `Some(Value::Null)`.
type Member = Option<Value>;

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Member, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl CreateRequest {
    /// The todo, or an error that names every invalid field.
    pub(super) fn parse(self) -> Result<NewTodo, HttpError> {
        let mut errors = Errors::default();
        let title = match self.title {
            Some(value) => errors.collect("title", title(value)),
            None => errors.collect("title", Err("is required".to_owned())),
        };
        let description =
            self.description.and_then(|value| errors.collect("description", description(value)));
        let completed = self.completed.and_then(|value| errors.collect("completed", completed(&value)));
        errors.into_result()?;
        let title = title.ok_or_else(|| HttpError::internal("a title without error is missing"))?;
        Ok(NewTodo { title, description: description.flatten(), completed: completed.unwrap_or(false) })
    }
}

impl ChangeRequest {
    /// The change, or an error that names every invalid field.
    pub(super) fn parse(self) -> Result<TodoChange, HttpError> {
        let mut errors = Errors::default();
        let change = TodoChange {
            title: self.title.and_then(|value| errors.collect("title", title(value))),
            description: self.description.and_then(|value| errors.collect("description", description(value))),
            completed: self.completed.and_then(|value| errors.collect("completed", completed(&value))),
        };
        errors.into_result()?;
        Ok(change)
    }
}

fn title(value: Value) -> Result<Title, String> {
    match value {
        Value::String(text) => Title::parse(&text).map_err(|invalid| invalid.to_string()),
        _ => Err("must be a string".to_owned()),
    }
}

fn description(value: Value) -> Result<Option<Description>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Description::parse(&text).map(Some).map_err(|invalid| invalid.to_string()),
        _ => Err("must be a string or null".to_owned()),
    }
}

fn completed(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// The invalid fields found so far.
#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn collect<T>(&mut self, field: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|message| self.0.push(FieldError { field: field.to_owned(), message })).ok()
    }

    fn into_result(self) -> Result<(), HttpError> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::validation(self.0).into()) }
    }
}

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
            description: todo.description.map(Description::into_string),
            completed: todo.completed,
            created_at: rfc3339(todo.created_at_ms),
            updated_at: rfc3339(todo.updated_at_ms),
        }
    }
}

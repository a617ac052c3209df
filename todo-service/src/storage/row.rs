//! A row of `todos`, and its conversion to the domain type.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use service_kit::database::DatabaseError;
use uuid::Uuid;

use super::schema::todos;
use crate::domain::{Description, Title, Todo, TodoChange};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = todos)]
pub(super) struct TodoRow {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) completed: bool,
    pub(super) created_at_ms: i64,
    pub(super) updated_at_ms: i64,
}

/// The columns to update. A column that is `None` keeps its value.
#[derive(AsChangeset)]
#[diesel(table_name = todos)]
#[expect(clippy::option_option, reason = "Diesel's form: let it be, set it to NULL, set it to a text")]
pub(super) struct Changes {
    title: Option<String>,
    description: Option<Option<String>>,
    completed: Option<bool>,
    updated_at_ms: i64,
}

/// The text form in which ids are stored and compared.
pub(super) fn key(id: Uuid) -> String {
    id.hyphenated().to_string()
}

/// Parses the id of a row.
pub(super) fn parse_key(text: &str) -> Result<Uuid, DatabaseError> {
    Uuid::try_parse(text).map_err(|_| {
        let message = format!("the id of todo {text} is not a UUID");
        DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
    })
}

impl TodoRow {
    pub(super) fn new(owner: &str, todo: &Todo) -> Self {
        Self {
            id: key(todo.id),
            owner: owner.to_owned(),
            title: todo.title.as_str().to_owned(),
            description: todo.description.as_ref().map(|text| text.as_str().to_owned()),
            completed: todo.completed,
            created_at_ms: todo.created_at_ms,
            updated_at_ms: todo.updated_at_ms,
        }
    }

    /// Converts the row to a todo. The texts are not checked again, because their owner must still see a text that was
    /// accepted under other rules. Only a row without a valid id is an error: no client could request it.
    pub(super) fn into_todo(self) -> Result<Todo, DatabaseError> {
        Ok(Todo {
            id: parse_key(&self.id)?,
            title: Title::from_stored(self.title),
            description: self.description.map(Description::from_stored),
            completed: self.completed,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        })
    }
}

impl Changes {
    pub(super) fn new(change: TodoChange, now_ms: i64) -> Self {
        Self {
            title: change.title.map(Title::into_string),
            description: change.description.map(|text| text.map(Description::into_string)),
            completed: change.completed,
            updated_at_ms: now_ms,
        }
    }
}

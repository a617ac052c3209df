//! A row of `todos`, and the way from it to the domain.

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

/// What is `None` stays as it is.
#[derive(AsChangeset)]
#[diesel(table_name = todos)]
#[expect(clippy::option_option, reason = "Diesel's form: let it be, set it to NULL, set it to a text")]
pub(super) struct Changes {
    title: Option<String>,
    description: Option<Option<String>>,
    completed: Option<bool>,
    updated_at_ms: i64,
}

/// The form in which ids are stored and compared.
pub(super) fn key(id: Uuid) -> String {
    id.hyphenated().to_string()
}

/// The id of a row.
pub(super) fn parse_key(text: &str) -> Result<Uuid, DatabaseError> {
    Uuid::try_parse(text).map_err(|_| {
        let message = format!("the id of todo {text} is not of ours");
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

    /// The todo as it stands: a text that was accepted under other rules is its owner's all the same. Only one whose id is
    /// none cannot be read, since nobody could ask for it.
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

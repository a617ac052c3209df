//! A todo, and what may happen to it.

use uuid::Uuid;

use super::{Description, Title};

/// A todo. Whose it is, the query says that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// A UUIDv7: later todos have higher ids.
    pub id: Uuid,
    /// What is to be done.
    pub title: Title,
    /// More about it.
    pub description: Option<Description>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was created, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was last changed, milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// A todo that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTodo {
    /// What is to be done.
    pub title: Title,
    /// More about it.
    pub description: Option<Description>,
    /// Whether it is done already.
    pub completed: bool,
}

impl NewTodo {
    /// The todo, created now.
    pub fn into_todo(self, id: Uuid, now_ms: i64) -> Todo {
        Todo {
            id,
            title: self.title,
            description: self.description,
            completed: self.completed,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        }
    }
}

/// A change: what is `None` keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TodoChange {
    /// Another title.
    pub title: Option<Title>,
    /// Another description, or none any more.
    pub description: Option<Option<Description>>,
    /// Done, or not done after all.
    pub completed: Option<bool>,
}

//! A todo and its changes.

use uuid::Uuid;

use super::{Description, Title};

/// A todo. Its owner is not part of it: every query names the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// A UUIDv7: later todos have higher ids.
    pub id: Uuid,
    /// What is to be done.
    pub title: Title,
    /// Details, if any.
    pub description: Option<Description>,
    /// Whether it is completed.
    pub completed: bool,
    /// When it was created, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was last changed, milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// The values of a todo to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTodo {
    /// What is to be done.
    pub title: Title,
    /// Details, if any.
    pub description: Option<Description>,
    /// Whether it is completed from the start.
    pub completed: bool,
}

impl NewTodo {
    /// The todo, created at `now_ms` (milliseconds since the Unix epoch).
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

/// A change of a todo. A field that is `None` keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TodoChange {
    /// The new title.
    pub title: Option<Title>,
    /// The new description; `Some(None)` removes it.
    pub description: Option<Option<Description>>,
    /// Whether it is now completed.
    pub completed: Option<bool>,
}

//! The use cases: what may be done with todos, each in one piece of database work.

use std::fmt;
use std::sync::Arc;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use uuid::Uuid;

use crate::domain::{Cursor, NewTodo, Page, Todo, TodoChange, TodoIds};
use crate::storage::todos as table;

/// The todos of all users. Cheap to clone.
#[derive(Clone)]
pub struct Todos {
    database: Database,
    clock: SharedClock,
    ids: Arc<TodoIds>,
    per_user: u32,
}

/// Why a todo was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The user has as many as allowed.
    #[error("at most {0} todos are allowed")]
    TooMany(u32),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A part of the list, and where the next one begins if there is more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Newest first.
    pub todos: Vec<Todo>,
    /// Behind the last of them.
    pub next: Option<Cursor>,
}

impl Todos {
    /// The todos of this database. `per_user` is how many a user may have, 0 for no limit.
    pub fn new(database: Database, clock: SharedClock, ids: TodoIds, per_user: u32) -> Self {
        Self { database, clock, ids: Arc::new(ids), per_user }
    }

    /// Creates a todo.
    pub async fn create(&self, owner: &str, new: NewTodo) -> Result<Todo, CreateError> {
        let now_ms = self.clock.now_ms();
        let todo = new.into_todo(self.ids.next(now_ms), now_ms);
        let (owner, per_user) = (owner.to_owned(), self.per_user);
        self.database
            .write(move |connection| {
                if per_user > 0 {
                    table::lock_owner(connection, &owner)?;
                    if table::count(connection, &owner)? >= i64::from(per_user) {
                        return Err(CreateError::TooMany(per_user));
                    }
                }
                table::insert(connection, &owner, &todo)?;
                Ok(todo.clone())
            })
            .await
    }

    /// A todo of this user.
    pub async fn find(&self, owner: &str, id: Uuid) -> Result<Option<Todo>, DatabaseError> {
        let owner = owner.to_owned();
        self.database.read(move |connection| table::find(connection, &owner, id)).await
    }

    /// A part of this user's list.
    pub async fn list(&self, owner: &str, page: Page) -> Result<Listing, DatabaseError> {
        let owner = owner.to_owned();
        let mut todos = self.database.read(move |connection| table::list(connection, &owner, &page)).await?;
        let limit = usize::from(page.limit);
        let has_more = todos.len() > limit;
        todos.truncate(limit);
        let next = todos.last().filter(|_| has_more).map(|last| Cursor::after(last.id));
        Ok(Listing { todos, next })
    }

    /// Changes a todo of this user, and gives it as it is then.
    pub async fn change(
        &self,
        owner: &str,
        id: Uuid,
        change: TodoChange,
    ) -> Result<Option<Todo>, DatabaseError> {
        let (owner, now_ms) = (owner.to_owned(), self.clock.now_ms());
        self.database
            .write(move |connection| {
                if !table::update(connection, &owner, id, change.clone(), now_ms)? {
                    return Ok(None);
                }
                table::find(connection, &owner, id)
            })
            .await
    }

    /// Deletes a todo of this user; `false` when there is none.
    pub async fn delete(&self, owner: &str, id: Uuid) -> Result<bool, DatabaseError> {
        let owner = owner.to_owned();
        self.database.write(move |connection| table::delete(connection, &owner, id)).await
    }
}

impl fmt::Debug for Todos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Todos").field("per_user", &self.per_user).finish_non_exhaustive()
    }
}

//! The use cases: create, read, change and delete todos. Each is one unit of database work.

use std::fmt;
use std::sync::Arc;

use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::clock::SharedClock;
use uuid::Uuid;

use crate::domain::{
    Allowance, Cursor, LimitReached, NewTodo, PageRequest, Todo, TodoChange, TodoIds, Usage,
};
use crate::storage::todos as table;

/// The todos of all users. Cheap to clone.
#[derive(Clone)]
pub struct Todos {
    database: Database,
    clock: SharedClock,
    ids: Arc<TodoIds>,
    allowance: Allowance,
}

/// Why a todo was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The user has reached a limit.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How many bytes of text are read for one response. The last todo may exceed it.
pub const LIST_BYTES: u64 = 1024 * 1024;

/// A page of a user's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TodoPage {
    /// Newest first.
    pub todos: Vec<Todo>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Cursor>,
}

impl Todos {
    /// Creates the use cases for this database, with the same limits for each user.
    pub fn new(database: Database, clock: SharedClock, ids: TodoIds, allowance: Allowance) -> Self {
        Self { database, clock, ids: Arc::new(ids), allowance }
    }

    /// Creates a todo.
    pub async fn create(&self, owner: &str, new: NewTodo) -> Result<Todo, WriteError> {
        let now_ms = self.clock.now_ms();
        let todo = new.into_todo(self.ids.next(now_ms), now_ms);
        let (owner, allowance) = (owner.to_owned(), self.allowance);
        self.database
            .write(move |connection| {
                write_within_allowance(allowance, connection, &owner, |connection| {
                    table::insert(connection, &owner, &todo)
                })?;
                Ok(todo.clone())
            })
            .await
    }

    /// Finds a todo of this user.
    pub async fn find(&self, owner: &str, id: Uuid) -> Result<Option<Todo>, DatabaseError> {
        let owner = owner.to_owned();
        self.database.read(move |connection| table::find(connection, &owner, id)).await
    }

    /// Returns a page of this user's list. It may have fewer todos than requested, so that their texts have about
    /// [`LIST_BYTES`] at most. It has at least one if there is one.
    ///
    /// `render` makes the response of it, on the thread of the database: there are few of these threads, so few pages are in
    /// memory as rows at a time, however many requests there are.
    pub async fn list<T: Send + 'static>(
        &self,
        owner: &str,
        page: PageRequest,
        render: impl FnOnce(TodoPage) -> T + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let owner = owner.to_owned();
        self.database
            .read(move |connection| {
                let sizes = table::sizes(connection, &owner, &page)?;
                let mut room = LIST_BYTES;
                let fits = sizes.iter().take(usize::from(page.limit)).take_while(|(_, bytes)| {
                    let had_room = room > 0;
                    room = room.saturating_sub(*bytes);
                    had_room
                });
                let ids: Vec<Uuid> = fits.map(|(id, _)| *id).collect();
                let next = ids.last().filter(|_| ids.len() < sizes.len()).copied().map(Cursor::after);
                Ok(render(TodoPage { todos: table::find_all(connection, &owner, &ids)?, next }))
            })
            .await
    }

    /// Changes a todo of this user and returns it with its new values.
    pub async fn change(
        &self,
        owner: &str,
        id: Uuid,
        change: TodoChange,
    ) -> Result<Option<Todo>, WriteError> {
        let (owner, now_ms) = (owner.to_owned(), self.clock.now_ms());
        // A change of `completed` alone stores no more text, so no limit applies.
        let allowance =
            Some(self.allowance).filter(|_| change.title.is_some() || change.description.is_some());
        let allowance = allowance.unwrap_or(Allowance { todos: None, bytes: None });
        self.database
            .write(move |connection| {
                let is_there = write_within_allowance(allowance, connection, &owner, |connection| {
                    table::update(connection, &owner, id, change.clone(), now_ms)
                })?;
                if !is_there {
                    return Ok(None);
                }
                Ok(table::find(connection, &owner, id)?)
            })
            .await
    }

    /// Deletes a todo of this user. Returns `false` if there is none.
    pub async fn delete(&self, owner: &str, id: Uuid) -> Result<bool, DatabaseError> {
        let owner = owner.to_owned();
        self.database.write(move |connection| table::delete(connection, &owner, id)).await
    }
}

/// Writes, and returns an error if the user then exceeds a limit; the transaction is rolled back. Writers for the same
/// user wait for each other, so that the counts stay correct.
fn write_within_allowance<T>(
    allowance: Allowance,
    connection: &mut DbConnection,
    owner: &str,
    write: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
) -> Result<T, WriteError> {
    if !allowance.is_limited() {
        return Ok(write(connection)?);
    }
    table::lock_owner(connection, owner)?;
    let before: Usage = table::usage(connection, owner)?;
    let written = write(connection)?;
    allowance.check(before, table::usage(connection, owner)?)?;
    Ok(written)
}

impl fmt::Debug for Todos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Todos").field("allowance", &self.allowance).finish_non_exhaustive()
    }
}

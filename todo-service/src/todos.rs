//! The use cases: what may be done with todos, each in one piece of database work.

use std::fmt;
use std::sync::Arc;

use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::clock::SharedClock;
use uuid::Uuid;

use crate::domain::{Allowance, Cursor, NewTodo, NoRoom, Page, Todo, TodoChange, TodoIds, Usage};
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
    /// The user has as much as allowed.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The bytes of text that are read for one answer; the last todo may exceed it.
pub const LIST_BYTES: u64 = 1024 * 1024;

/// A part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Newest first.
    pub todos: Vec<Todo>,
    /// Where the next part begins, if there is more.
    pub next: Option<Cursor>,
}

impl Todos {
    /// The todos of this database, with a limit for each user.
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
                within(allowance, connection, &owner, |connection| table::insert(connection, &owner, &todo))?;
                Ok(todo.clone())
            })
            .await
    }

    /// A todo of this user.
    pub async fn find(&self, owner: &str, id: Uuid) -> Result<Option<Todo>, DatabaseError> {
        let owner = owner.to_owned();
        self.database.read(move |connection| table::find(connection, &owner, id)).await
    }

    /// A part of this user's list: as many as the page has, or fewer, so that their texts have about [`LIST_BYTES`] at
    /// most. At least one, if there is one.
    pub async fn list(&self, owner: &str, page: Page) -> Result<Listing, DatabaseError> {
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
                Ok(Listing { todos: table::all_of(connection, &owner, &ids)?, next })
            })
            .await
    }

    /// Changes a todo of this user, and gives it as it is then.
    pub async fn change(
        &self,
        owner: &str,
        id: Uuid,
        change: TodoChange,
    ) -> Result<Option<Todo>, WriteError> {
        let (owner, now_ms) = (owner.to_owned(), self.clock.now_ms());
        // A change of `completed` alone needs no room.
        let allowance =
            Some(self.allowance).filter(|_| change.title.is_some() || change.description.is_some());
        let allowance = allowance.unwrap_or(Allowance { todos: None, bytes: None });
        self.database
            .write(move |connection| {
                let is_there = within(allowance, connection, &owner, |connection| {
                    table::update(connection, &owner, id, change.clone(), now_ms)
                })?;
                if !is_there {
                    return Ok(None);
                }
                Ok(table::find(connection, &owner, id)?)
            })
            .await
    }

    /// Deletes a todo of this user; `false` when there is none.
    pub async fn delete(&self, owner: &str, id: Uuid) -> Result<bool, DatabaseError> {
        let owner = owner.to_owned();
        self.database.write(move |connection| table::delete(connection, &owner, id)).await
    }
}

/// Writes, and takes it back if the user then has more than is allowed. Those who write for one user take turns, so that
/// what is counted holds.
fn within<T>(
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
    allowance.admit(before, table::usage(connection, owner)?)?;
    Ok(written)
}

impl fmt::Debug for Todos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Todos").field("allowance", &self.allowance).finish_non_exhaustive()
    }
}

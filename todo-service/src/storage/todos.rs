//! Queries on `todos`. Every one of them names the owner.

use diesel::prelude::*;
use diesel::sql_types::Text;
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::row::{Changes, TodoRow, key};
use super::schema::todos::dsl::{completed, id, owner, todos};
use crate::domain::{Page, Todo, TodoChange};

type Outcome<T> = Result<T, DatabaseError>;

/// Inserts a todo.
pub fn insert(connection: &mut DbConnection, of: &str, todo: &Todo) -> Outcome<()> {
    diesel::insert_into(todos).values(TodoRow::new(of, todo)).execute(connection)?;
    Ok(())
}

/// A todo of this owner.
pub fn find(connection: &mut DbConnection, of: &str, wanted: Uuid) -> Outcome<Option<Todo>> {
    let query = todos.filter(id.eq(key(wanted))).filter(owner.eq(of)).select(TodoRow::as_select());
    let row: Option<TodoRow> = query.first(connection).optional()?;
    row.map(TodoRow::into_todo).transpose()
}

/// One page of this owner's todos, newest first, and one more where there is more.
pub fn list(connection: &mut DbConnection, of: &str, page: &Page) -> Outcome<Vec<Todo>> {
    let mut query = todos.filter(owner.eq(of)).select(TodoRow::as_select()).into_boxed();
    if let Some(state) = page.completed {
        query = query.filter(completed.eq(state));
    }
    if let Some(after) = page.after {
        query = query.filter(id.lt(key(after)));
    }
    let rows: Vec<TodoRow> = query.order(id.desc()).limit(page.limit.rows() + 1).load(connection)?;
    rows.into_iter().map(TodoRow::into_todo).collect()
}

/// Changes a todo of this owner; `false` when there is none.
pub fn update(
    connection: &mut DbConnection,
    of: &str,
    wanted: Uuid,
    change: TodoChange,
    now_ms: i64,
) -> Outcome<bool> {
    let target = todos.filter(id.eq(key(wanted))).filter(owner.eq(of.to_owned()));
    let changed = diesel::update(target).set(Changes::new(change, now_ms)).execute(connection)?;
    Ok(changed == 1)
}

/// Deletes a todo of this owner; `false` when there is none.
pub fn delete(connection: &mut DbConnection, of: &str, wanted: Uuid) -> Outcome<bool> {
    let target = todos.filter(id.eq(key(wanted))).filter(owner.eq(of.to_owned()));
    Ok(diesel::delete(target).execute(connection)? == 1)
}

/// How many todos this owner has.
pub fn count(connection: &mut DbConnection, of: &str) -> Outcome<i64> {
    Ok(todos.filter(owner.eq(of)).count().get_result(connection)?)
}

/// Lets those who create todos for one owner take turns until the transaction ends, so that a count holds. On SQLite
/// writers take turns anyway.
pub fn lock_owner(connection: &mut DbConnection, of: &str) -> Outcome<()> {
    if let DbConnection::Postgres(inner) = connection {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind::<Text, _>(of)
            .execute(inner)?;
    }
    Ok(())
}

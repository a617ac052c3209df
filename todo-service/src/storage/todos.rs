//! Queries on `todos`. Each of them is limited to one owner.

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::row::{Changes, TodoRow, key, parse_key};
use super::schema::todos::dsl::{completed, description, id, owner, title, todos};
use crate::domain::{PageRequest, Todo, TodoChange, Usage};

diesel::define_sql_function! {
    /// The number of bytes of a text.
    fn octet_length(text: Text) -> Integer;
}
diesel::define_sql_function! {
    /// The number of bytes of a text that may be null.
    #[sql_name = "octet_length"]
    fn octet_length_or_null(text: Nullable<Text>) -> Nullable<Integer>;
}

type DatabaseResult<T> = Result<T, DatabaseError>;

/// Inserts a todo.
pub fn insert(connection: &mut DbConnection, owner_id: &str, todo: &Todo) -> DatabaseResult<()> {
    diesel::insert_into(todos).values(TodoRow::new(owner_id, todo)).execute(connection)?;
    Ok(())
}

/// Finds a todo of this owner.
pub fn find(connection: &mut DbConnection, owner_id: &str, todo_id: Uuid) -> DatabaseResult<Option<Todo>> {
    let query = todos.filter(id.eq(key(todo_id))).filter(owner.eq(owner_id)).select(TodoRow::as_select());
    let row: Option<TodoRow> = query.first(connection).optional()?;
    row.map(TodoRow::into_todo).transpose()
}

/// The ids of one page of this owner's todos, newest first, with the bytes of their texts. Returns one more than the
/// page holds if there are more. Neither database reads the texts for this query.
pub fn sizes(
    connection: &mut DbConnection,
    owner_id: &str,
    page: &PageRequest,
) -> DatabaseResult<Vec<(Uuid, u64)>> {
    let columns = (id, octet_length(title), octet_length_or_null(description));
    let mut query = todos.filter(owner.eq(owner_id)).select(columns).into_boxed();
    if let Some(state) = page.completed {
        query = query.filter(completed.eq(state));
    }
    if let Some(after) = page.after {
        query = query.filter(id.lt(key(after)));
    }
    let rows: Vec<(String, i32, Option<i32>)> =
        query.order(id.desc()).limit(page.limit.rows() + 1).load(connection)?;
    rows.into_iter()
        .map(|(found, titled, described)| Ok((parse_key(&found)?, sum_of(titled, described))))
        .collect()
}

/// The todos with these ids that this owner (still) has, newest first.
pub fn find_all(connection: &mut DbConnection, owner_id: &str, ids: &[Uuid]) -> DatabaseResult<Vec<Todo>> {
    let keys = ids.iter().copied().map(key);
    let query = todos.filter(owner.eq(owner_id)).filter(id.eq_any(keys)).select(TodoRow::as_select());
    let rows: Vec<TodoRow> = query.order(id.desc()).load(connection)?;
    rows.into_iter().map(TodoRow::into_todo).collect()
}

/// Changes a todo of this owner. Returns `false` if there is none.
pub fn update(
    connection: &mut DbConnection,
    owner_id: &str,
    todo_id: Uuid,
    change: TodoChange,
    now_ms: i64,
) -> DatabaseResult<bool> {
    let target = todos.filter(id.eq(key(todo_id))).filter(owner.eq(owner_id.to_owned()));
    let changed = diesel::update(target).set(Changes::new(change, now_ms)).execute(connection)?;
    Ok(changed == 1)
}

/// Deletes a todo of this owner. Returns `false` if there is none.
pub fn delete(connection: &mut DbConnection, owner_id: &str, todo_id: Uuid) -> DatabaseResult<bool> {
    let target = todos.filter(id.eq(key(todo_id))).filter(owner.eq(owner_id.to_owned()));
    Ok(diesel::delete(target).execute(connection)? == 1)
}

/// What this owner has stored.
pub fn usage(connection: &mut DbConnection, owner_id: &str) -> DatabaseResult<Usage> {
    let columns = (count_star(), sum(octet_length(title)), sum(octet_length_or_null(description)));
    let (count, titles, descriptions): (i64, Option<i64>, Option<i64>) =
        todos.filter(owner.eq(owner_id)).select(columns).get_result(connection)?;
    let bytes = titles.unwrap_or_default().saturating_add(descriptions.unwrap_or_default());
    Ok(Usage { todos: unsigned(count), bytes: unsigned(bytes) })
}

fn sum_of(title_bytes: i32, description_bytes: Option<i32>) -> u64 {
    unsigned(title_bytes.into()) + unsigned(description_bytes.unwrap_or_default().into())
}

/// Converts a count, which is never negative.
fn unsigned(number: i64) -> u64 {
    number.unsigned_abs()
}

/// Locks an owner's todos for writers until the end of the transaction, so that a count of them stays correct. SQLite
/// needs no lock, because it has one writer at a time.
pub fn lock_owner(connection: &mut DbConnection, owner_id: &str) -> DatabaseResult<()> {
    if let DbConnection::Postgres(inner) = connection {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind::<Text, _>(owner_id)
            .execute(inner)?;
    }
    Ok(())
}

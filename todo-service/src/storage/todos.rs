//! The table `todos`: its columns, its rows, and the queries. Each query is limited to one owner.

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use self::schema::todos;
use crate::domain::{Description, PageRequest, Title, Todo, TodoChange, Usage};

mod schema {
    //! The table as the migrations in `migrations/todo` create it.

    diesel::table! {
        todos (id) {
            id -> Text,
            owner -> Text,
            title -> Text,
            description -> Nullable<Text>,
            completed -> Bool,
            created_at_ms -> BigInt,
            updated_at_ms -> BigInt,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = todos)]
struct TodoRow {
    id: String,
    owner: String,
    title: String,
    description: Option<String>,
    completed: bool,
    created_at_ms: i64,
    updated_at_ms: i64,
}

/// The columns to update. A column that is `None` keeps its value.
#[derive(AsChangeset)]
#[diesel(table_name = todos)]
#[expect(clippy::option_option, reason = "Diesel's form: let it be, set it to NULL, set it to a text")]
struct Changes {
    title: Option<String>,
    description: Option<Option<String>>,
    completed: Option<bool>,
    updated_at_ms: i64,
}

/// The text form in which ids are stored and compared.
fn key(todo_id: Uuid) -> String {
    todo_id.hyphenated().to_string()
}

/// Parses the id of a row.
fn parse_key(text: &str) -> Result<Uuid, DatabaseError> {
    Uuid::try_parse(text).map_err(|_| {
        let message = format!("the id of todo {text} is not a UUID");
        DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
    })
}

impl TodoRow {
    fn new(owner_id: &str, todo: &Todo) -> Self {
        Self {
            id: key(todo.id),
            owner: owner_id.to_owned(),
            title: todo.title.as_str().to_owned(),
            description: todo.description.as_ref().map(|text| text.as_str().to_owned()),
            completed: todo.completed,
            created_at_ms: todo.created_at_ms,
            updated_at_ms: todo.updated_at_ms,
        }
    }

    /// Converts the row to a todo. The texts are not checked again, because their owner must still see a text that was
    /// accepted under other rules. Only a row without a valid id is an error: no client could request it.
    fn into_todo(self) -> Result<Todo, DatabaseError> {
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
    fn new(change: TodoChange, now_ms: i64) -> Self {
        Self {
            title: change.title.map(Title::into_string),
            description: change.description.map(|text| text.map(Description::into_string)),
            completed: change.completed,
            updated_at_ms: now_ms,
        }
    }
}

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
    diesel::insert_into(todos::table).values(TodoRow::new(owner_id, todo)).execute(connection)?;
    Ok(())
}

/// Finds a todo of this owner.
pub fn find(connection: &mut DbConnection, owner_id: &str, todo_id: Uuid) -> DatabaseResult<Option<Todo>> {
    let query = todos::table
        .filter(todos::id.eq(key(todo_id)))
        .filter(todos::owner.eq(owner_id))
        .select(TodoRow::as_select());
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
    let columns = (todos::id, octet_length(todos::title), octet_length_or_null(todos::description));
    let mut query = todos::table.filter(todos::owner.eq(owner_id)).select(columns).into_boxed();
    if let Some(state) = page.completed {
        query = query.filter(todos::completed.eq(state));
    }
    if let Some(after) = page.after {
        query = query.filter(todos::id.lt(key(after)));
    }
    let rows: Vec<(String, i32, Option<i32>)> =
        query.order(todos::id.desc()).limit(page.limit.rows() + 1).load(connection)?;
    rows.into_iter()
        .map(|(found, titled, described)| Ok((parse_key(&found)?, sum_of(titled, described))))
        .collect()
}

/// The todos with these ids that this owner (still) has, newest first.
pub fn find_all(connection: &mut DbConnection, owner_id: &str, ids: &[Uuid]) -> DatabaseResult<Vec<Todo>> {
    let keys = ids.iter().copied().map(key);
    let query = todos::table
        .filter(todos::owner.eq(owner_id))
        .filter(todos::id.eq_any(keys))
        .select(TodoRow::as_select());
    let rows: Vec<TodoRow> = query.order(todos::id.desc()).load(connection)?;
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
    let target = todos::table.filter(todos::id.eq(key(todo_id))).filter(todos::owner.eq(owner_id.to_owned()));
    let changed = diesel::update(target).set(Changes::new(change, now_ms)).execute(connection)?;
    Ok(changed == 1)
}

/// Deletes a todo of this owner. Returns `false` if there is none.
pub fn delete(connection: &mut DbConnection, owner_id: &str, todo_id: Uuid) -> DatabaseResult<bool> {
    let target = todos::table.filter(todos::id.eq(key(todo_id))).filter(todos::owner.eq(owner_id.to_owned()));
    Ok(diesel::delete(target).execute(connection)? == 1)
}

/// What this owner has stored.
pub fn usage(connection: &mut DbConnection, owner_id: &str) -> DatabaseResult<Usage> {
    let columns =
        (count_star(), sum(octet_length(todos::title)), sum(octet_length_or_null(todos::description)));
    let (count, titles, descriptions): (i64, Option<i64>, Option<i64>) =
        todos::table.filter(todos::owner.eq(owner_id)).select(columns).get_result(connection)?;
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

//! Both sides of the migrations make the same tables, and the queries behave alike on them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DbConnection};

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    #[diesel(sql_type = Text)]
    in_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    not_null: i64,
}

const POSTGRES_COLUMNS: &str = "SELECT table_name::text AS in_table, column_name::text AS name, data_type::text AS kind, \
    CASE is_nullable WHEN 'NO' THEN 1::bigint ELSE 0::bigint END AS not_null \
    FROM information_schema.columns WHERE table_schema = 'public'";

const SQLITE_COLUMNS: &str = "SELECT m.name AS in_table, c.name AS name, c.type AS kind, \
    c.\"notnull\" AS not_null FROM sqlite_master m JOIN pragma_table_info(m.name) c \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

const POSTGRES_INDEXES: &str = "SELECT indexname::text AS name FROM pg_indexes WHERE schemaname = 'public' \
    AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'";
const SQLITE_INDEXES: &str =
    "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'";

/// The types that both back ends have, under one name.
fn common_type(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "text" => "text",
        "bigint" => "bigint",
        "integer" => "integer",
        "boolean" => "boolean",
        "bytea" | "blob" => "binary",
        other => panic!("the column type {other} is not one that both back ends have"),
    }
}

async fn opened(test: &TestDatabase) -> Database {
    let database = Database::connect(&test.settings()).await.unwrap();
    database.migrate(super::migrations()).await.unwrap();
    database
}

async fn shape(test: &TestDatabase) -> (Vec<Column>, Vec<Name>) {
    let database = opened(test).await;
    let read = database.read(|conn| {
        let (columns, indexes) = match conn {
            DbConnection::Postgres(_) => (POSTGRES_COLUMNS, POSTGRES_INDEXES),
            DbConnection::Sqlite(_) => (SQLITE_COLUMNS, SQLITE_INDEXES),
        };
        Ok::<_, DatabaseError>((
            diesel::sql_query(columns).load::<Column>(conn)?,
            diesel::sql_query(indexes).load::<Name>(conn)?,
        ))
    });
    let (mut columns, mut indexes) = read.await.unwrap();
    columns.retain(|column| column.in_table != "__diesel_schema_migrations");
    for column in &mut columns {
        column.kind = common_type(&column.kind).to_owned();
    }
    columns.sort();
    indexes.sort();
    (columns, indexes)
}

#[tokio::test]
async fn both_back_ends_get_the_same_tables() {
    let sqlite = shape(&TestDatabase::create(Backend::Sqlite)).await;
    let postgres = shape(&TestDatabase::create(Backend::Postgres)).await;
    assert!(sqlite.0.len() > 40 && sqlite.1.len() > 5, "the shape was read");
    assert_eq!(sqlite, postgres);
}

#[test]
fn migrations_have_the_same_names_on_both_sides() {
    let names = |side: &str| {
        let folder = format!("{}/../migrations/auth/{side}", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert!(!names("sqlite").is_empty());
    // Of two with one version, one would never be applied.
    let mut versions: Vec<_> =
        names("sqlite").iter().map(|name| name.to_str().unwrap()[..14].to_owned()).collect();
    versions.dedup();
    assert_eq!(versions.len(), names("sqlite").len());
    assert_eq!(names("sqlite"), names("postgres"));
}

//! Tests that the migrations create the same tables on both databases, and that queries behave the same on both.

mod addresses;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DbConnection};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::{sessions, users};
use crate::domain::{Email, NewUser, PasswordHash, Session, Username};

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

/// Maps the type names of both databases to common names.
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

/// The indexed text columns whose order the operating system decides. Diesel's own table holds digits only.
const POSTGRES_OTHER_COLLATIONS: &str = "SELECT index.relname::text || '.' || a.attname::text AS name FROM pg_index i \
    JOIN pg_class index ON index.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
    CROSS JOIN LATERAL unnest(i.indkey::int[], i.indcollation::oid[]) AS k(attnum, collation_id) \
    JOIN pg_collation c ON c.oid = k.collation_id \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum \
    WHERE t.relnamespace = 'public'::regnamespace AND c.collname <> 'C' AND t.relname <> '__diesel_schema_migrations'";

#[tokio::test]
async fn no_index_depends_on_the_collation_of_the_operating_system() {
    let test = TestDatabase::create(Backend::Postgres);
    let database = opened(&test).await;
    let others = database.read(|conn| {
        Ok::<_, DatabaseError>(diesel::sql_query(POSTGRES_OTHER_COLLATIONS).load::<Name>(conn)?)
    });
    assert_eq!(others.await.unwrap(), []);
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
    // If two migrations had the same version, one of them would never be applied.
    let mut versions: Vec<_> =
        names("sqlite").iter().map(|name| name.to_str().unwrap()[..14].to_owned()).collect();
    versions.dedup();
    assert_eq!(versions.len(), names("sqlite").len());
    assert_eq!(names("sqlite"), names("postgres"));
}

/// A refresh may have read its session before it waited for another refresh. The expiry that the other one stored
/// must be kept. Otherwise a revocation fact would be deleted before the tokens that it revokes have expired.
#[tokio::test]
async fn the_noted_ends_of_a_session_never_move_back() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let test = TestDatabase::create(backend);
        let database = opened(&test).await;
        let noted = database.write(|conn| {
            let (user_id, session_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
            let user = NewUser {
                id: user_id,
                username: Username::parse("ada").unwrap(),
                email: None,
                email_verified: false,
                is_self_registered: false,
                is_active: true,
                roles: Vec::new(),
                hash: PasswordHash { scheme: "test".to_owned(), value: String::new() },
                created_at_ms: 0,
            };
            users::insert(conn, &user)?;
            let session = Session {
                id: session_id,
                user_id,
                client_id: "billing".to_owned(),
                scope: Scopes::default(),
                audience: Vec::new(),
                amr: Vec::new(),
                auth_time_s: 0,
                created_at_ms: 0,
                last_used_at_ms: 0,
                idle_expires_at_ms: 1_000,
                expires_at_ms: 1_000_000,
                ended_at_ms: None,
                user_agent: None,
                address: None,
                access_expires_at_s: 10,
                browser_session_id: None,
                userinfo_claims: BTreeSet::new(),
            };
            sessions::insert(conn, &session)?;
            let later = Session { idle_expires_at_ms: 9_000, access_expires_at_s: 90, ..session.clone() };
            sessions::touch(conn, &later)?;
            sessions::touch(
                conn,
                &Session { idle_expires_at_ms: 2_000, access_expires_at_s: 20, ..session },
            )?;
            sessions::find(conn, session_id)
        });
        let noted = noted.await.unwrap().unwrap();
        assert_eq!((noted.idle_expires_at_ms, noted.access_expires_at_s), (9_000, 90), "{backend:?}");
    }
}

/// A name and an address, known or not, are looked up by the same number of statements, so that the time tells nothing.
#[tokio::test]
async fn every_identifier_is_looked_up_by_the_same_statements() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let test = TestDatabase::create(backend);
        let database = opened(&test).await;
        let counted = database.write(|conn| {
            let new = |number: u128, name: &str, address: &str, email_verified| NewUser {
                id: Uuid::from_u128(number),
                username: Username::parse(name).unwrap(),
                email: Some(Email::parse(address).unwrap()),
                email_verified,
                is_self_registered: true,
                is_active: true,
                roles: Vec::new(),
                hash: PasswordHash { scheme: "test".to_owned(), value: String::new() },
                created_at_ms: 0,
            };
            users::insert(conn, &new(1, "ada", "ada@example.org", true))?;
            users::insert(conn, &new(2, "bob", "bob@example.org", false))?;
            users::insert(conn, &new(3, "ada@example.org", "other@example.org", true))?;
            let mut seen = Vec::new();
            for identifier in [
                "ada",
                "ADA@Example.org",
                "bob",
                "bob@example.org",
                "nobody",
                "no@body",
                "",
                "a\nb",
                &"@".repeat(900),
            ] {
                let count = Arc::new(AtomicUsize::new(0));
                let counter = Arc::clone(&count);
                conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
                    if matches!(event, InstrumentationEvent::StartQuery { .. }) {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
                let found = users::find_by_identifier(conn, identifier)?.map(|found| found.user.username);
                seen.push((found, count.load(Ordering::Relaxed)));
            }
            Ok::<_, DatabaseError>(seen)
        });
        let seen = counted.await.unwrap();
        let found: Vec<_> = seen.iter().map(|(found, _)| found.as_deref()).collect();
        assert_eq!(found[..4], [Some("ada"), Some("ada"), Some("bob"), None], "{backend:?}");
        assert!(found[4..].iter().all(Option::is_none));
        assert!(seen.iter().all(|(_, count)| *count == 2), "{backend:?}: {seen:?}");
    }
}

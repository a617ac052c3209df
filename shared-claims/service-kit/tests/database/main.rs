//! The database module: tests run on PostgreSQL and on SQLite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod concurrency;
mod conflicts;
mod failures;
mod full;
mod hanging;
mod pool;
mod pooler;
mod risky;
mod schema;
mod sqlite;
mod standby;
mod versions;

use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError, DatabaseSettings, DbConnection, Migrations};

const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("tests/migrations/sqlite");

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

async fn migrated(test: &TestDatabase) -> Database {
    migrated_with(&test.settings()).await
}

async fn migrated_with(settings: &DatabaseSettings) -> Database {
    let database = Database::connect(settings).await.unwrap();
    database.migrate(migrations()).await.unwrap();
    database
}

fn count_up(connection: &mut DbConnection) -> Result<i64, DatabaseError> {
    use schema::counters::dsl::{counters, value};
    diesel::update(counters).set(value.eq(value + 1)).execute(connection)?;
    Ok(counters.select(value).first(connection)?)
}

async fn hits(database: &Database) -> i64 {
    use schema::counters::dsl::{counters, value};
    database.read(|c| Ok::<i64, DatabaseError>(counters.select(value).first(c)?)).await.unwrap()
}

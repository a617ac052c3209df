//! Releases that are older or newer than the schema.

use diesel::connection::SimpleConnection;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings};

use crate::{migrated, migrations};

async fn execute(database: &Database, sql: &'static str) {
    database.write(move |c| Ok::<_, DatabaseError>(c.batch_execute(sql)?)).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_accepted_unless_it_requires_a_newer_release() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        execute(&database, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')")
            .await;
        assert!(database.migrate(migrations()).await.unwrap().is_empty());
        database.require_schema(migrations()).await.unwrap();

        // The table as the services' migrations create it.
        execute(&database, "CREATE TABLE required_migrations (version TEXT NOT NULL PRIMARY KEY)").await;
        execute(&database, "INSERT INTO required_migrations VALUES ('20260101000000')").await;
        database.migrate(migrations()).await.unwrap();
        execute(&database, "INSERT INTO required_migrations VALUES ('20990101000000')").await;
        for refused in
            [database.migrate(migrations()).await.map(drop), database.require_schema(migrations()).await]
        {
            let line = refused.unwrap_err().to_string();
            assert!(line.contains("20990101000000") && !line.contains('\n'), "{line}");
        }
    }
}

#[tokio::test]
async fn a_command_only_creates_a_schema_in_an_empty_database() {
    for test in TestDatabase::both() {
        let database = Database::connect(&test.settings()).await.unwrap();
        database.require_schema(migrations()).await.unwrap();
        assert!(database.migrate(migrations()).await.unwrap().is_empty());
        execute(&database, "DROP TABLE notes").await;
        execute(&database, "DELETE FROM __diesel_schema_migrations WHERE version = '20260102000000'").await;
        let line = database.require_schema(migrations()).await.unwrap_err().to_string();
        assert!(line.contains("2026-01-02-000000_notes") && line.contains("migrate"), "{line}");
        assert_eq!(database.migrate(migrations()).await.unwrap(), ["2026-01-02-000000_notes"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_missing_migrations_does_not_wait_for_the_lock() {
    use diesel::{Connection, PgConnection};
    let test = TestDatabase::create(Backend::Postgres);
    migrated(&test).await;
    // A lock that an earlier release left on one of the pooler's connections.
    let mut other = PgConnection::establish(test.url()).unwrap();
    other.batch_execute("SELECT pg_advisory_lock(7809651199139603833)").unwrap();
    let database = Database::connect(&DatabaseSettings::at(test.url())).await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(database.migrate(migrations()).await.unwrap().is_empty());
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}

/// As during an upgrade: servers of the release before hold locks.
#[tokio::test]
async fn a_migration_that_waits_for_a_lock_in_vain_may_be_tried_again() {
    use diesel::{Connection, PgConnection};
    let test = TestDatabase::create(Backend::Postgres);
    let mut other = PgConnection::establish(test.url()).unwrap();
    other.batch_execute("BEGIN; CREATE TABLE tokens ()").unwrap();
    let settings = DatabaseSettings { lock_timeout_ms: 50, ..test.settings() };
    let database = Database::connect(&settings).await.unwrap();
    let failed = database.migrate(migrations()).await.unwrap_err();
    assert!(failed.may_pass(), "{failed}");
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(database.migrate(migrations()).await.unwrap().len(), 2);
}

/// As during an upgrade: a newer release changes a column while this one has prepared statements that read it.
#[tokio::test]
async fn a_column_that_changes_its_collation_fails_each_old_connection_once() {
    diesel::table! { users (name) { name -> Text, } }
    let test = TestDatabase::create(Backend::Postgres);
    let settings = DatabaseSettings { pool_size: 1, ..test.settings() };
    let (older, newer) =
        (Database::connect(&settings).await.unwrap(), Database::connect(&settings).await.unwrap());
    execute(&newer, "CREATE TABLE users (name TEXT NOT NULL)").await;
    execute(&newer, "INSERT INTO users VALUES ('ada')").await;
    // Diesel prepares this statement and keeps it.
    let prepared = async || {
        older
            .read(|connection| {
                use diesel::{QueryDsl, RunQueryDsl};
                Ok::<_, DatabaseError>(users::table.select(users::name).first::<String>(connection)?)
            })
            .await
    };
    assert_eq!(prepared().await.unwrap(), "ada");
    execute(&newer, "ALTER TABLE users ALTER COLUMN name TYPE TEXT COLLATE \"C\"").await;
    let failed = prepared().await.unwrap_err();
    assert!(failed.is_transient(), "{failed}");
    assert_eq!(prepared().await.unwrap(), "ada");
}

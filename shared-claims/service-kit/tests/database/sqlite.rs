//! Tests for SQLite only.

use std::os::unix::fs::PermissionsExt;

use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings};

use crate::{count_up, hits, migrated, migrations};

#[derive(QueryableByName)]
struct Pragmas {
    #[diesel(sql_type = Text)]
    journal_mode: String,
    #[diesel(sql_type = Integer)]
    synchronous: i32,
    #[diesel(sql_type = Integer)]
    foreign_keys: i32,
}

const PRAGMAS: &str = "SELECT (SELECT journal_mode FROM pragma_journal_mode) AS journal_mode, \
     (SELECT synchronous FROM pragma_synchronous) AS synchronous, \
     (SELECT foreign_keys FROM pragma_foreign_keys) AS foreign_keys";

#[tokio::test]
async fn a_commit_is_on_the_disk_before_it_is_acknowledged() {
    let test = TestDatabase::create(Backend::Sqlite);
    let database = migrated(&test).await;
    let pragmas: Pragmas =
        database.write(|c| Ok::<_, DatabaseError>(diesel::sql_query(PRAGMAS).get_result(c)?)).await.unwrap();
    assert_eq!((pragmas.journal_mode.as_str(), pragmas.synchronous, pragmas.foreign_keys), ("wal", 2, 1));
}

#[tokio::test]
async fn the_file_and_its_folder_are_readable_only_by_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/deep/auth.db");
    let url = format!("sqlite://{}", path.display());
    let database = Database::connect(&DatabaseSettings::at(&url)).await.unwrap();
    database.migrate(migrations()).await.unwrap();
    database.write(count_up).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    drop(database);
    let again = Database::connect(&DatabaseSettings::at(&url)).await.unwrap();
    assert_eq!(hits(&again).await, 1);
}

#[tokio::test]
async fn a_write_on_a_read_connection_is_refused() {
    let test = TestDatabase::create(Backend::Sqlite);
    let database = migrated(&test).await;
    assert!(database.read(count_up).await.is_err());
    assert_eq!(hits(&database).await, 0);
}

#[tokio::test]
async fn a_path_that_cannot_be_written_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let inside_a_file = format!("sqlite://{}/auth.db", file.display());
    let Err(error) = Database::connect(&DatabaseSettings::at(inside_a_file)).await else {
        panic!("connected");
    };
    assert!(error.to_string().contains("cannot create"), "{error}");
    let not_a_database = format!("sqlite://{}", file.display());
    assert!(Database::connect(&DatabaseSettings::at(not_a_database)).await.is_err());
}

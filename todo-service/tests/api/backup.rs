//! The commands `backup` and `restore`.

use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database};
use shared_claims::testing::eventually;

/// Runs a command. Returns whether it succeeded, and what it printed.
fn run(database: &TestDatabase, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_todo-service"));
    let output =
        command.env_clear().env("TODO__DATABASE__URL", database.url()).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn connect(database: &TestDatabase) -> SqliteConnection {
    SqliteConnection::establish(database.url().trim_start_matches("sqlite://")).unwrap()
}

/// A number in the file that stands for its state.
fn state(database: &TestDatabase) -> i32 {
    #[derive(diesel::QueryableByName)]
    struct State {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        user_version: i32,
    }
    let query = diesel::sql_query("PRAGMA user_version");
    query.get_result::<State>(&mut connect(database)).unwrap().user_version
}

#[actix_web::test]
async fn a_backup_is_restored_while_no_service_uses_the_database() {
    let database = TestDatabase::create(Backend::Sqlite);
    let file = database.folder().join("saved").display().to_string();
    let (ok, out) = run(&database, &["backup", &file]);
    assert!(!ok && out.contains("there is no database"), "{out}");
    assert!(run(&database, &["migrate"]).0);
    connect(&database).batch_execute("PRAGMA user_version = 7").unwrap();

    let served = Database::connect(&database.settings()).await.unwrap();
    let (ok, out) = run(&database, &["backup", &file]);
    assert!(ok, "{out}");
    connect(&database).batch_execute("PRAGMA user_version = 8").unwrap();
    let (ok, out) = run(&database, &["restore", &file, "--yes"]);
    assert!(!ok && out.contains("stop it first"), "{out}");
    drop(served);

    let (ok, out) = run(&database, &["restore", &file]);
    assert!(!ok && out.contains("--yes"), "{out}");
    assert_eq!(state(&database), 8);
    // The connections of this process close a moment later.
    eventually("it is restored", Duration::from_secs(20), async || {
        let (ok, out) = run(&database, &["restore", &file, "--yes"]);
        ok && out.contains("The replaced database is")
    })
    .await;
    assert_eq!(state(&database), 7);
    assert!(run(&database, &["migrate"]).0, "it is used again");
}

#[test]
fn on_postgres_the_commands_say_what_to_use() {
    let database = TestDatabase::create(Backend::Postgres);
    for (arguments, advice) in [(&["backup", "x"][..], "pg_dump"), (&["restore", "x", "--yes"], "pg_restore")]
    {
        let (ok, out) = run(&database, arguments);
        assert!(!ok && out.contains(advice), "{out}");
    }
}

//! Wrong settings, and failures of the server.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DatabaseSettings};

use crate::{count_up, hits, migrated, migrated_with};

async fn refusal(url: &str) -> String {
    match Database::connect(&DatabaseSettings::at(url)).await {
        Ok(_) => panic!("connected to {url}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_is_refused_in_one_line_without_the_url() {
    for url in [
        "mysql://u:hunter2@h/d",
        "hunter2",
        "",
        "sqlite://",
        "sqlite://data/",
        "sqlite://:memory:",
        "sqlite://a.db?mode=memory",
        "sqlite:data.db",
        "/var/lib/a.db",
    ] {
        let line = refusal(url).await;
        assert!(line.contains("sqlite://"), "{line}");
        assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
    }
}

#[cfg(not(feature = "postgres-tls"))]
#[tokio::test]
async fn tls_that_is_not_built_in_names_the_feature() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let line = refusal(&format!("postgres://u:hunter2@h/d?application_name=a&sslmode={mode}")).await;
        assert!(line.contains("postgres-tls") && line.contains(mode), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_quickly_and_without_the_password() {
    let began = tokio::time::Instant::now();
    let error = Database::connect(&DatabaseSettings::at("postgres://u:hunter2@127.0.0.1:1/d")).await;
    let Err(error) = error else { panic!("connected") };
    assert!(error.is_transient());
    let line = error.to_string();
    assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn connections_that_died_in_the_pool_fail_no_request() {
    let test = TestDatabase::create(Backend::Postgres);
    let database = migrated(&test).await;
    database.write(count_up).await.unwrap();
    let killer = Database::connect(&test.settings()).await.unwrap();
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let kill = async || {
        killer.read(move |c| Ok::<_, DatabaseError>(sql_query(others).execute(c)?)).await.unwrap();
    };
    for expected in 2..10 {
        kill().await;
        assert_eq!(database.write(count_up).await.unwrap(), expected);
        kill().await;
        assert_eq!(hits(&database).await, expected);
        kill().await;
        database.snapshot(|c| Ok::<_, DatabaseError>(sql_query("SELECT 1").execute(c)?)).await.unwrap();
    }
    // Eight writes at the same time, after all connections were ended.
    for _ in 0..2 {
        for asked in futures_util::future::join_all((0..8).map(|_| database.write(count_up))).await {
            asked.unwrap();
        }
        kill().await;
    }
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_cancelled_and_may_be_tried_again() {
    let test = TestDatabase::create(Backend::Postgres);
    let settings = DatabaseSettings { statement_timeout_ms: 100, ..test.settings() };
    let database = Database::connect(&settings).await.unwrap();
    let slow = database.read(|c| Ok(sql_query("SELECT pg_sleep(5)").execute(c)?)).await;
    let Err(error) = slow else { panic!("slept") };
    let error: DatabaseError = error;
    assert!(error.is_transient(), "{error:?}");
    database.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_another_process_holds_is_waited_for_and_not_for_ever() {
    for test in TestDatabase::both() {
        let settings = DatabaseSettings { lock_timeout_ms: 200, ..test.settings() };
        let ours = migrated_with(&settings).await;
        let theirs = Database::connect(&settings).await.unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (began, beginning) = tokio::sync::oneshot::channel();
        let holder = tokio::spawn(async move {
            theirs
                .write_once(move |c| {
                    count_up(c)?;
                    began.send(()).unwrap();
                    held.recv_timeout(Duration::from_secs(5)).unwrap();
                    Ok::<_, DatabaseError>(())
                })
                .await
        });
        beginning.await.unwrap();
        let error = ours.write(count_up).await.unwrap_err();
        assert!(error.is_transient(), "{error:?} on {:?}", test.backend());
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        assert_eq!(ours.write(count_up).await.unwrap(), 2);
        assert_eq!(hits(&ours).await, 2);
    }
}

#[tokio::test]
async fn a_constraint_is_no_passing_trouble() {
    for test in TestDatabase::both() {
        let database = migrated(&test).await;
        let orphan = database
            .write(|c| {
                use crate::schema::notes::dsl::{counter, id, notes};
                let row = (id.eq("n"), counter.eq("nothing"));
                Ok::<_, DatabaseError>(diesel::insert_into(notes).values(row).execute(c)?)
            })
            .await;
        let error = orphan.unwrap_err();
        assert!(!error.is_transient(), "{error:?} on {:?}", test.backend());
    }
}

/// A replacement for `pg_is_in_recovery()` that is found before the real function. It reads its result from a table.
const PRETENDER: &str = "CREATE SCHEMA fake; CREATE TABLE fake.role (standby BOOLEAN NOT NULL); \
     INSERT INTO fake.role VALUES (true); \
     CREATE FUNCTION fake.pg_is_in_recovery() RETURNS BOOLEAN LANGUAGE SQL AS 'SELECT standby FROM fake.role'";

#[tokio::test]
async fn a_snapshot_of_a_standby_is_refused_and_the_primary_is_looked_for_again() {
    use diesel::connection::SimpleConnection;
    let test = TestDatabase::create(Backend::Postgres);
    let primary = migrated(&test).await;
    primary.write(|c| Ok::<_, DatabaseError>(c.batch_execute(PRETENDER)?)).await.unwrap();

    let url = format!("{}?options=-csearch_path%3Dfake,pg_catalog,public", test.url());
    let database =
        Database::connect(&DatabaseSettings { pool_size: 1, ..DatabaseSettings::at(url) }).await.unwrap();
    let pid = "SELECT pg_backend_pid() AS pid";
    let before: Pid =
        database.read(move |c| Ok::<_, DatabaseError>(sql_query(pid).get_result(c)?)).await.unwrap();
    let refused = database.snapshot(|_| Ok::<_, DatabaseError>(())).await;
    assert!(matches!(refused, Err(DatabaseError::Standby)), "{refused:?}");

    primary
        .write(|c| Ok::<_, DatabaseError>(c.batch_execute("UPDATE fake.role SET standby = false")?))
        .await
        .unwrap();
    let after: Pid =
        database.snapshot(move |c| Ok::<_, DatabaseError>(sql_query(pid).get_result(c)?)).await.unwrap();
    assert_ne!(before.pid, after.pid, "the connection to the standby was kept");
}

#[derive(QueryableByName)]
struct Pid {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

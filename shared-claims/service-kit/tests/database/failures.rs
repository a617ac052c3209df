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
async fn an_invalid_url_is_refused_in_one_line_that_does_not_show_it() {
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
async fn tls_without_the_feature_is_refused_with_the_name_of_the_feature() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let line = refusal(&format!("postgres://u:hunter2@h/d?application_name=a&sslmode={mode}")).await;
        assert!(line.contains("postgres-tls") && line.contains(mode), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_quickly_and_without_the_password() {
    let began = tokio::time::Instant::now();
    let error = Database::connect(&DatabaseSettings::at("postgres://u:hunter2@127.0.0.1:1/d")).await;
    let Err(error) = error else { panic!("connected") };
    assert!(error.is_transient());
    let line = error.to_string();
    assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn closed_connections_in_the_pool_fail_no_request() {
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
async fn a_statement_that_runs_too_long_is_cancelled_with_a_transient_error() {
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
async fn waiting_for_a_lock_of_another_process_has_a_time_limit() {
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
async fn a_violated_constraint_is_not_a_transient_error() {
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
async fn a_snapshot_fails_on_a_standby_and_then_reconnects_to_the_primary() {
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

//! Failures between the service and its database.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use service_kit::config::UrlWithSecret;
use service_kit::database::testing::{PgBouncer, RefusingPostgres, TestDatabase};
use service_kit::database::{Backend, Pooler};
use shared_claims::testing::{Proxy, ProxyMode, eventually};

use crate::helpers::{ADA, BOTH, TestApp, spawn_app, spawn_app_with};

async fn create(app: &TestApp, token: &str) -> u16 {
    let response = app.post("/todos/", token, &json!({"title": "milk"})).await;
    assert_eq!(response.status == 503, response.header("retry-after").is_some(), "{}", response.status);
    response.status
}

#[actix_web::test]
async fn connections_that_hang_are_replaced() {
    let place = TestDatabase::create(Backend::Postgres);
    let proxy = Proxy::before(&place.address()).await;
    let url = place.url_at(&proxy.address());
    let app = spawn_app_with(Backend::Postgres, |settings| {
        settings.database.url = UrlWithSecret::new(url);
        settings.database.pool_size = 8;
    })
    .await;
    let token = app.token(ADA);
    for status in join_all((0..40).map(|_| create(&app, &token))).await {
        assert_eq!(status, 201);
    }
    proxy.hang_standing();
    let began = tokio::time::Instant::now();
    let reads = join_all((0..10).map(|_| app.get("/todos/", Some(&token))));
    let writes = join_all((0..10).map(|_| create(&app, &token)));
    let (reads, writes) = futures_util::future::join(reads, writes).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(reads.iter().all(|response| [200, 503].contains(&response.status)));
    assert!(writes.iter().all(|status| [201, 503].contains(status)));
    assert_eq!(create(&app, &token).await, 201);
    assert_eq!(app.get("/readyz", None).await.status, 200);
}

#[actix_web::test]
async fn the_service_works_behind_a_pooler_in_transaction_mode() {
    let place = TestDatabase::create(Backend::Postgres);
    let pooler = PgBouncer::in_front_of(&place, 2);
    let app = spawn_app_with(Backend::Postgres, |settings| {
        settings.database.url = UrlWithSecret::new(pooler.url());
        settings.database.pooler = Pooler::Transaction;
        settings.database.pool_size = 8;
    })
    .await;
    let token = app.token(ADA);
    for status in join_all((0..50).map(|_| create(&app, &token))).await {
        assert_eq!(status, 201);
    }
    assert_eq!(app.get("/todos/?limit=200", Some(&token)).await.json().as_array().unwrap().len(), 50);
}

const SQLITE_FULL: &str = "CREATE TRIGGER full_disk BEFORE INSERT ON todos BEGIN \
     SELECT RAISE(ABORT, 'database or disk is full'); END";
const POSTGRES_FULL: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100'; END $$";

#[actix_web::test]
async fn a_full_disk_is_503_and_shown_by_readyz() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        match backend {
            Backend::Sqlite => app.execute(SQLITE_FULL).await,
            Backend::Postgres => {
                app.execute(POSTGRES_FULL).await;
                app.execute("CREATE TRIGGER full_disk BEFORE INSERT ON todos EXECUTE FUNCTION full_disk()")
                    .await;
            }
        }
        assert_eq!(create(&app, &token).await, 503, "{backend:?}");
        let ready = app.get("/readyz", None).await;
        assert_eq!(
            (ready.status, &ready.json()["dependencies"]["database"]["detail"]),
            (503, &"disk full".into())
        );
        assert_eq!(app.get("/todos/", Some(&token)).await.status, 200, "reads still succeed");
        match backend {
            Backend::Sqlite => app.execute("DROP TRIGGER full_disk").await,
            Backend::Postgres => app.execute("DROP TRIGGER full_disk ON todos").await,
        }
        assert_eq!(create(&app, &token).await, 201, "{backend:?}");
        eventually("the service is ready", Duration::from_secs(15), || async {
            app.get("/readyz", None).await.status == 200
        })
        .await;
    }
}

#[actix_web::test]
async fn the_program_waits_until_its_database_has_started() {
    let place = TestDatabase::create(Backend::Postgres);
    let starting = RefusingPostgres::start("the database system is starting up");
    let proxy = Proxy::before(&starting.address()).await;
    proxy.set(ProxyMode::Refuse);
    let log = place.folder().join("log");
    let mut program = Command::new(env!("CARGO_BIN_EXE_todo-service"))
        .env_clear()
        .env("TODO__HTTP__BIND", "127.0.0.1:0")
        .env("TODO__DATABASE__URL", place.url_at(&proxy.address()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let says = async |what: &str| {
        eventually(what, Duration::from_secs(20), || async {
            std::fs::read_to_string(&log).unwrap().contains(what)
        })
        .await;
    };
    says("database.waiting").await;
    let before = proxy.accepted();
    proxy.set(ProxyMode::Forward);
    eventually("it tries again", Duration::from_secs(20), || async { proxy.accepted() > before + 1 }).await;
    assert!(program.try_wait().unwrap().is_none());
    proxy.redirect(&place.address());
    says("server.listening").await;
    program.kill().unwrap();
    program.wait().unwrap();
}

//! Tests of failures between the service and PostgreSQL.

use std::process::Stdio;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::{PgBouncer, Standby, TestDatabase};
use shared_claims::testing::{Proxy, RedisProcess};

use crate::helpers::{Decision, PASSWORD, ResourceServer, Service, ServiceSettings, WAIT_LIMIT, eventually};

fn postgres() -> TestDatabase {
    TestDatabase::create(Backend::Postgres)
}

fn execute(database: &TestDatabase, sql: &str) {
    PgConnection::establish(database.url()).unwrap().batch_execute(sql).unwrap();
}

/// Runs a command. Returns whether it succeeded, and its standard error.
fn run(settings: &ServiceSettings, arguments: &[&str]) -> (bool, String) {
    let output = settings.command().args(arguments).stderr(Stdio::piped()).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// Logs in and returns the status. Every transient error must have a `Retry-After` header.
async fn login(service: &Service) -> StatusCode {
    let form = [("username", "alice"), ("password", PASSWORD)];
    let answer = service.client.post(format!("{}/auth/token", service.url)).form(&form).send().await.unwrap();
    let has_retry_after = answer.headers().contains_key("retry-after");
    assert_eq!(answer.status() == StatusCode::SERVICE_UNAVAILABLE, has_retry_after, "{}", answer.status());
    answer.status()
}

async fn ready(service: &Service) -> (StatusCode, Value) {
    let answer = service.client.get(format!("{}/readyz", service.url)).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[actix_web::test]
async fn hanging_connections_are_replaced_and_revocations_are_delivered() {
    let (database, redis) = (postgres(), RedisProcess::start().await);
    let proxy = Proxy::before(&database.address()).await;
    let settings = ServiceSettings::on(&database)
        .with("AUTH__DATABASE__URL", &database.url_at(&proxy.address()))
        .projecting_to(&redis.address());
    let service = settings.start().await;
    service.register("alice").await;
    let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    resource.eventually_decides(Decision::Accepted, &standing).await;
    // Uses all connections of the pool once.
    for status in join_all((0..40).map(|_| login(&service))).await {
        assert_eq!(status, StatusCode::OK);
    }

    proxy.hang_standing();
    let began = tokio::time::Instant::now();
    let asked = join_all((0..10).map(|_| login(&service))).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(asked.iter().all(|status| [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(status)));
    eventually("logins work", Duration::from_secs(3), async || login(&service).await == StatusCode::OK).await;
    assert_eq!(ready(&service).await.0, StatusCode::OK);
    resource.eventually_decides(Decision::Accepted, &standing).await;
    assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
    resource.eventually_decides(Decision::Revoked, &ended).await;
    let numbers = service.client.get(format!("{}/metrics", service.url)).send().await.unwrap();
    let numbers = numbers.text().await.unwrap();
    let abandoned = numbers.lines().find(|line| line.contains("database_connections_abandoned_total "));
    assert!(!abandoned.unwrap().ends_with(" 0"), "{abandoned:?}");
    // Threads that hang do not delay other requests.
    let began = tokio::time::Instant::now();
    assert!(service.terminate().success());
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
}

#[actix_web::test]
async fn everything_works_behind_a_pooler_in_transaction_mode() {
    let (database, redis) = (postgres(), RedisProcess::start().await);
    let pooler = PgBouncer::in_front_of(&database, 3);
    let direct = ServiceSettings::on(&database);
    let settings = direct
        .clone()
        .with("AUTH__DATABASE__URL", pooler.url())
        .with("AUTH__DATABASE__POOLER", "transaction")
        .projecting_to(&redis.address());
    for settings in [&settings, &settings, &settings, &direct] {
        let (is_done, stderr) = run(settings, &["migrate"]);
        assert!(is_done, "{stderr}");
    }
    let (service, replica) = (settings.start().await, settings.replica().start().await);
    service.register("alice").await;
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    for status in join_all((0..30).flat_map(|_| [login(&service), login(&replica)])).await {
        assert_eq!(status, StatusCode::OK);
    }
    for _ in 0..5 {
        let tokens = service.tokens("alice").await;
        let refresh =
            [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let refreshed =
            replica.client.post(format!("{}/auth/token", replica.url)).form(&refresh).send().await;
        let refreshed: Value = refreshed.unwrap().error_for_status().unwrap().json().await.unwrap();
        let token = refreshed["access_token"].as_str().unwrap();
        resource.eventually_decides(Decision::Accepted, token).await;
        assert_eq!(service.post("/auth/logout", token).await, StatusCode::NO_CONTENT);
        resource.eventually_decides(Decision::Revoked, token).await;
    }
    for command in [
        vec!["keys", "list"],
        vec!["keys", "rotate"],
        vec!["users", "disable", "alice"],
        vec!["users", "enable", "alice"],
        vec!["clients", "create", "--name", "App", "--id", "app", "--grants", "client_credentials"],
        vec!["clients", "disable", "app"],
        vec!["audit"],
    ] {
        let (is_done, stderr) = run(&settings, &command);
        assert!(is_done, "{command:?}: {stderr}");
    }
    assert_eq!(login(&replica).await, StatusCode::OK);

    let (is_done, stderr) = run(&settings.with("AUTH__DATABASE__POOLER", "none"), &["serve"]);
    assert!(!is_done && stderr.contains("database.pooler"), "{stderr}");
}

#[actix_web::test]
async fn a_service_on_a_standby_is_not_ready_and_after_the_failover_nothing_fails() {
    let database = postgres();
    let primary = Proxy::before(&database.address()).await;
    let address = Proxy::before(&primary.address()).await;
    let settings =
        ServiceSettings::on(&database).with("AUTH__DATABASE__URL", &database.url_at(&address.address()));
    let service = settings.start().await;
    service.register("alice").await;
    let standby = Standby::of(&database);
    address.redirect(standby.address());
    eventually("it is not ready", WAIT_LIMIT, async || {
        let (status, report) = ready(&service).await;
        status == StatusCode::SERVICE_UNAVAILABLE && report["dependencies"]["database"]["state"] == "down"
    })
    .await;
    assert_eq!(login(&service).await, StatusCode::SERVICE_UNAVAILABLE);
    address.redirect_new(&primary.address());
    for _ in 0..12 {
        assert_eq!(login(&service).await, StatusCode::OK);
    }
    assert_eq!(ready(&service).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_full_disk_is_reported_until_there_is_room() {
    let database = postgres();
    let service = ServiceSettings::on(&database).start().await;
    service.register("alice").await;
    execute(
        &database,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100'; \
         END $$; CREATE TRIGGER full_disk BEFORE INSERT ON sessions EXECUTE FUNCTION full_disk()",
    );
    assert_eq!(login(&service).await, StatusCode::SERVICE_UNAVAILABLE);
    let (status, report) = ready(&service).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(report["dependencies"]["database"]["detail"], "disk full", "{report}");
    execute(&database, "DROP TRIGGER full_disk ON sessions");
    assert_eq!(login(&service).await, StatusCode::OK);
    eventually("it is ready", WAIT_LIMIT, async || ready(&service).await.0 == StatusCode::OK).await;
}

#[actix_web::test]
async fn an_older_release_names_unknown_migrations_and_refuses_required_ones() {
    let database = postgres();
    let settings = ServiceSettings::on(&database);
    assert!(run(&settings, &["migrate"]).0);
    execute(&database, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
    let (is_done, stderr) = run(&settings, &["migrate"]);
    assert!(is_done && stderr.contains("20990101000000"), "{stderr}");
    settings.start().await.terminate();
    execute(&database, "INSERT INTO required_migrations (version) VALUES ('20990101000000')");
    for command in ["serve", "migrate", "users"] {
        let arguments: &[&str] = if command == "users" { &["users", "list"] } else { &[command] };
        let (is_done, stderr) = run(&settings, arguments);
        assert!(
            !is_done && stderr.contains("error: ") && stderr.contains("20990101000000"),
            "{command}: {stderr}"
        );
    }
}

#[actix_web::test]
async fn a_release_that_is_too_old_changes_no_byte_of_the_database() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    assert!(run(&settings, &["migrate"]).0);
    let path = database.url().strip_prefix("sqlite://").unwrap();
    SqliteConnection::establish(path)
        .unwrap()
        .batch_execute(
            "PRAGMA journal_mode = WAL; \
             INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000'); \
             INSERT INTO required_migrations (version) VALUES ('20990101000000')",
        )
        .unwrap();
    let before = std::fs::read(path).unwrap();
    for command in ["serve", "migrate"] {
        let (is_done, stderr) = run(&settings, &[command]);
        assert!(!is_done && stderr.contains("run a newer one"), "{command}: {stderr}");
        assert!(std::fs::read(path).unwrap() == before, "{command} has written");
    }
}

/// Servers of this release may run on such a schema, but `after-restore` cannot know all that it would have to end.
#[actix_web::test]
async fn a_schema_of_a_newer_release_is_not_restored() {
    let database = postgres();
    let settings = ServiceSettings::on(&database);
    assert!(run(&settings, &["migrate", "--refuse-newer"]).0);
    execute(&database, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
    assert!(run(&settings, &["migrate"]).0);
    for arguments in [["migrate", "--refuse-newer"], ["after-restore", "--yes"]] {
        let (is_done, stderr) = run(&settings, &arguments);
        let is_named = stderr.contains("newer than this release") && stderr.contains("20990101000000");
        assert!(!is_done && is_named, "{arguments:?}: {stderr}");
    }
}

#[actix_web::test]
async fn a_command_changes_no_schema() {
    let database = postgres();
    let settings = ServiceSettings::on(&database);
    assert!(run(&settings, &["migrate"]).0);
    // The schema as an earlier release, without the last migration, left it.
    execute(
        &database,
        "DROP TABLE required_migrations; DELETE FROM __diesel_schema_migrations WHERE version = '20261129200001'",
    );
    for arguments in [["users", "list"], ["keys", "list"], ["clients", "list"], ["keys", "rotate"]] {
        let (is_done, stderr) = run(&settings, &arguments);
        assert!(!is_done && stderr.contains("migrate"), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert!(run(&settings, &["migrate"]).0);
    assert!(run(&settings, &["users", "list"]).0);
}

#[actix_web::test]
async fn a_client_is_disabled_while_its_user_ends_all_sessions() {
    let database = postgres();
    let settings = ServiceSettings::on(&database);
    let service = settings.start().await;
    service.register("alice").await;
    let create = ["clients", "create", "--name", "App", "--id", "app", "--public"];
    let grants = ["--grants", "password,refresh_token", "--scopes", "openid todos:read"];
    assert!(run(&settings, &[create.as_slice(), grants.as_slice()].concat()).0);
    let form =
        json!({"grant_type": "password", "client_id": "app", "username": "alice", "password": PASSWORD});
    let begin = async || {
        let asked = service.client.post(format!("{}/oauth2/token", service.url)).form(&form).send().await;
        asked.unwrap().status()
    };
    for round in 0..4 {
        assert!(run(&settings, &["clients", "enable", "app"]).0);
        eventually("it gets tokens", WAIT_LIMIT, async || begin().await == StatusCode::OK).await;
        for _ in 0..6 {
            for status in join_all((0..15).map(|_| begin())).await {
                assert_eq!(status, StatusCode::OK);
            }
        }
        let token = service.access_token("alice").await;
        let disabling = settings.clone();
        let disabling = tokio::task::spawn_blocking(move || run(&disabling, &["clients", "disable", "app"]));
        // Sessions are ended again and again until the command is done, so also while it starts.
        loop {
            let all = service.client.delete(format!("{}/auth/sessions", service.url));
            let ended = all.bearer_auth(&token).send().await.unwrap().status();
            assert_eq!(ended, StatusCode::NO_CONTENT, "round {round}");
            if disabling.is_finished() {
                break;
            }
        }
        let (is_done, stderr) = disabling.await.unwrap();
        assert!(is_done, "round {round}: {stderr}");
    }
}

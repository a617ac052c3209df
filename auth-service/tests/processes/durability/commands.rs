//! Tests of commands that are killed while they run. Each is repeated afterwards, and must then have its full effect.

use std::process::Stdio;
use std::time::Duration;

use rand::RngExt;
use reqwest::StatusCode;
use serde_json::Value;
use service_kit::database::testing::TestDatabase;

use super::invariants;
use crate::helpers::{Service, ServiceSettings, WAIT_LIMIT, eventually};

/// Runs a command and kills it after this time.
async fn killed(settings: &ServiceSettings, arguments: &[&str], after: Duration) {
    let mut command = settings.command();
    let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(after).await;
    let _ = child.kill();
    child.wait().unwrap();
}

/// Runs a command to its end. It must succeed.
async fn document(settings: &ServiceSettings, arguments: &[&str]) -> Value {
    let mut command = settings.command();
    command.args(arguments).arg("--json");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Kills the command at random moments, and then lets it end. The database must be consistent every time.
async fn again_and_again(settings: &ServiceSettings, database: &TestDatabase, arguments: &[&str]) {
    const KILLS: usize = 4;
    let began = tokio::time::Instant::now();
    document(settings, &["users", "list"]).await;
    let whole = began.elapsed();
    for _ in 0..KILLS {
        // Most of the time is the start of the command. The change comes at the end.
        killed(settings, arguments, whole.mul_f64(rand::rng().random_range(0.4..1.2))).await;
        invariants::check(database).await;
    }
    document(settings, arguments).await;
    invariants::check(database).await;
}

/// Kills the command at random moments while `list` still shows what it is to remove, and then lets it end.
async fn until_gone(
    settings: &ServiceSettings,
    database: &TestDatabase,
    arguments: &[&str],
    list: &[&str],
    (member, value): (&str, &str),
) {
    for after in [100, 150, 200, 300] {
        killed(settings, arguments, Duration::from_millis(after)).await;
        invariants::check(database).await;
    }
    let is_there = |listed: &Value| listed.as_array().unwrap().iter().any(|item| item[member] == value);
    if is_there(&document(settings, list).await) {
        document(settings, arguments).await;
    }
    assert!(!is_there(&document(settings, list).await), "{arguments:?}");
    invariants::check(database).await;
}

async fn facts(service: &Service, kind: &str, id: &str) -> usize {
    let list = service.client.get(format!("{}/revocations", service.url)).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    list["entries"].as_array().unwrap().iter().filter(|fact| fact["kind"] == kind && fact["id"] == id).count()
}

#[actix_web::test]
async fn a_killed_command_took_effect_or_not_and_can_be_repeated() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let service = settings.start().await;

        let create =
            ["clients", "create", "--name", "B", "--id", "billing", "--grants", "password,refresh_token"];
        // A second `create` finds the id taken, so the loop ends when the client exists.
        for after in [50, 100, 150, 200, 300, 400] {
            killed(&settings, &create, Duration::from_millis(after)).await;
            invariants::check(&database).await;
        }
        if document(&settings, &["clients", "list"]).await.as_array().unwrap().is_empty() {
            document(&settings, &create).await;
        }
        again_and_again(&settings, &database, &["clients", "rotate-secret", "billing"]).await;
        again_and_again(&settings, &database, &["clients", "update", "billing", "--name", "Billing"]).await;
        assert_eq!(document(&settings, &["clients", "show", "billing"]).await["name"], "Billing");
        again_and_again(&settings, &database, &["clients", "disable", "billing"]).await;
        assert!(facts(&service, "client", "billing").await >= 1, "{:?}", database.backend());
        assert_eq!(document(&settings, &["clients", "show", "billing"]).await["active"], false);
        killed(&settings, &["clients", "delete", "billing"], Duration::from_millis(150)).await;
        invariants::check(&database).await;
        if !document(&settings, &["clients", "list"]).await.as_array().unwrap().is_empty() {
            document(&settings, &["clients", "delete", "billing"]).await;
        }
        assert_eq!(document(&settings, &["clients", "list"]).await, Value::Array(Vec::new()));

        assert_eq!(service.register("alice").await, StatusCode::CREATED);
        let token = service.access_token("alice").await;
        again_and_again(&settings, &database, &["users", "disable", "alice"]).await;
        assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);
        again_and_again(&settings, &database, &["users", "enable", "alice"]).await;
        let token = service.access_token("alice").await;
        again_and_again(&settings, &database, &["users", "revoke-tokens", "alice"]).await;
        assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);

        again_and_again(&settings, &database, &["users", "set-roles", "alice", "editor"]).await;
        assert_eq!(
            document(&settings, &["users", "show", "alice"]).await["roles"],
            Value::from(vec!["editor"])
        );

        let token = service.access_token("alice").await;
        again_and_again(&settings, &database, &["keys", "rotate"]).await;
        let keys = document(&settings, &["keys", "list"]).await;
        assert_eq!(keys.as_array().unwrap().len(), 2, "rotated once: {keys}");
        assert_eq!(service.me(&token).await, StatusCode::OK);
        service.kill();
        let service = settings.start().await;
        eventually("the same keys go on", WAIT_LIMIT, async || service.me(&token).await == StatusCode::OK)
            .await;

        // What is deleted cannot be named again, so each loop ends when it is deleted.
        let stolen = keys.as_array().unwrap().iter().find(|key| key["state"] == "active").unwrap();
        let stolen = stolen["kid"].as_str().unwrap();
        let compromised = ["keys", "rotate", "--compromised", stolen];
        until_gone(&settings, &database, &compromised, &["keys", "list"], ("kid", stolen)).await;
        assert_eq!(facts(&service, "key", stolen).await, 1);
        assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);
        let token = service.access_token("alice").await;
        let delete = ["users", "delete", "alice"];
        until_gone(&settings, &database, &delete, &["users", "list"], ("username", "alice")).await;
        assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);
    }
}

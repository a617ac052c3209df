//! Tests of `auth-service clients` while servers are running.

mod declared;
mod races;

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use auth_service::clients::{ClientParts, Clients};
use auth_service::domain::ClientSecretPlain;
use auth_service::storage;
use serde_json::{Value, json};
use service_kit::database::Database;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::{Clock, SystemClock};
use shared_claims::testing::RedisProcess;

use crate::helpers::{Decision, ResourceServer, Service, ServiceSettings, WAIT_LIMIT, eventually};

/// Whether a command succeeded, its standard output and its standard error.
fn outcome(output: Output) -> (bool, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn clients(settings: &ServiceSettings, arguments: &[&str]) -> (bool, String, String) {
    outcome(settings.command().arg("clients").args(arguments).output().unwrap())
}

/// Runs a command, which must succeed without a warning. Returns its JSON document.
fn document(settings: &ServiceSettings, arguments: &[&str]) -> Value {
    let (ok, out, err) = clients(settings, &[arguments, &["--json"]].concat());
    assert!(ok && err.is_empty(), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// Runs a command, which must fail. Returns its one line of output.
fn refusal(settings: &ServiceSettings, arguments: &[&str]) -> String {
    let (ok, out, err) = clients(settings, arguments);
    let line = err.trim_end();
    assert!(!ok && out.is_empty() && line.starts_with("error: "), "{arguments:?}: {out}{err}");
    assert_eq!(line.lines().count(), 1, "{line}");
    line.trim_start_matches("error: ").to_owned()
}

/// The client registry of a server, without HTTP.
async fn known(database: &TestDatabase) -> Clients {
    let database = Database::connect(&database.settings()).await.unwrap();
    Clients::new(ClientParts { database, clock: Arc::new(SystemClock) })
}

/// The fact about a client in the feed.
async fn cut(service: &Service, id: &str) -> Option<Value> {
    let answer = service.client.get(format!("{}/revocations", service.url)).send().await.unwrap();
    let list: Value = answer.json().await.unwrap();
    let entries = list["entries"].as_array().unwrap().iter();
    entries.rev().find(|entry| entry["kind"] == "client" && entry["id"] == id).cloned()
}

const MACHINE: &[&str] =
    &["create", "--name", "Billing", "--id", "billing", "--grants", "client_credentials"];

#[actix_web::test]
async fn a_client_is_created_shown_changed_and_deleted() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let _service = settings.start().await;
        let known = known(&database).await;
        assert_eq!(document(&settings, &["list"]), json!([]));
        let described = ["--scopes", "todos:read todos:write", "--access-ttl", "60"];
        let created = document(&settings, &[MACHINE, &described].concat());
        let secret = created["client_secret"].as_str().unwrap();
        assert!(secret.starts_with("lks_") && secret.len() == 47);
        let mut expected = json!({
            "client_id": "billing", "name": "Billing", "public": false, "active": true, "declared": false,
            "grants": ["client_credentials"], "scopes": ["todos:read", "todos:write"],
            "audiences": ["todo-service"], "redirect_uris": [], "post_logout_redirect_uris": [],
            "pkce_optional": false, "access_ttl": 60, "refresh_ttl": null,
        });
        let shown = document(&settings, &["show", "billing"]);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!((&shown[name], &created[name]), (value, value), "{name}");
        }
        assert_eq!(shown.get("client_secret"), None, "shown once");
        assert_eq!(shown["secrets"][0]["expires_at"], Value::Null);
        assert_eq!(document(&settings, &["list"]), json!([shown]));
        let found = known.find("billing").await.unwrap().unwrap();
        let now_ms = SystemClock.now_ms();
        assert!(found.accepts(&ClientSecretPlain::presented(secret), now_ms));

        document(
            &settings,
            &["update", "billing", "--name", "Invoices", "--access-ttl", "default", "--scopes", ""],
        );
        let shown = document(&settings, &["show", "billing"]);
        expected["name"] = "Invoices".into();
        expected["access_ttl"] = Value::Null;
        expected["scopes"] = json!([]);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&shown[name], value, "{name}");
        }

        let rotated = document(&settings, &["rotate-secret", "billing"]);
        let [old, new] = [&rotated["secrets"][0], &rotated["secrets"][1]];
        assert!(old["expires_at"].is_string() && new["expires_at"].is_null(), "{rotated}");
        let newer = ClientSecretPlain::presented(rotated["client_secret"].as_str().unwrap());
        eventually("the servers know both secrets", Duration::from_secs(5), async || {
            let found = known.find("billing").await.unwrap().unwrap();
            found.accepts(&newer, now_ms) && found.accepts(&ClientSecretPlain::presented(secret), now_ms)
        })
        .await;
        document(&settings, &["rotate-secret", "billing", "--keep-old", "0"]);
        assert_eq!(document(&settings, &["show", "billing"])["secrets"].as_array().unwrap().len(), 1);

        assert_eq!(document(&settings, &["disable", "billing"])["active"], false);
        assert_eq!(document(&settings, &["enable", "billing"])["active"], true);
        assert_eq!(document(&settings, &["delete", "billing"])["client_id"], "billing");
        assert_eq!(document(&settings, &["list"]), json!([]));
        eventually("the servers know", Duration::from_secs(5), async || {
            known.find("billing").await.unwrap().is_none()
        })
        .await;
    }
}

#[actix_web::test]
async fn invalid_arguments_are_refused_with_one_line() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        document(&settings, MACHINE);
        let create = |more: &[&str]| refusal(&settings, &[&["create", "--name", "App"], more].concat());
        for (id, words) in [
            ("01a20c9b-1111-7222-8333-444455556666", "UUID"),
            ("01A20C9B111172228333444455556666", "UUID"),
            ("first-party", "built in"),
            ("a b", "client id"),
            ("billing", "already"),
        ] {
            let line = create(&["--id", id, "--grants", "client_credentials"]);
            assert!(line.contains(words), "{id}: {line}");
        }
        for (options, field) in [
            (["--grants", "implicit"].as_slice(), "grants"),
            (&["--grants", ""], "grants"),
            (&["--public", "--grants", "client_credentials"], "grants"),
            (&["--grants", "authorization_code"], "redirect-uris"),
            (&["--grants", "authorization_code", "--redirect-uris", "http://app.example/"], "redirect-uris"),
            (&["--grants", "password", "--post-logout-redirect-uris", "x"], "post-logout-redirect-uris"),
            (&["--grants", "password", "--scopes", "a\\b"], "scopes"),
            (&["--grants", "password", "--audiences", ""], "audiences"),
            (&["--grants", "password", "--access-ttl", "0"], "access-ttl"),
            (&["--grants", "password", "--refresh-ttl", "315360001"], "refresh-ttl"),
            (&["--public", "--grants", "password", "--pkce-optional"], "pkce-optional"),
        ] {
            let line = create(options);
            assert!(line.starts_with(&format!("{field}: must be ")), "{options:?}: {line}");
        }
        for command in ["show", "update", "rotate-secret", "disable", "enable", "delete"] {
            assert_eq!(refusal(&settings, &[command, "unknown", "--json"]), "there is no client unknown");
        }
        let line = refusal(&settings, &["update", "billing", "--public"]);
        assert!(line.starts_with("grants: "), "{line}");
        document(&settings, &["create", "--name", "App", "--id", "app", "--public", "--grants", "password"]);
        assert!(refusal(&settings, &["rotate-secret", "app"]).contains("no secret"));
        for malformed in [["create"].as_slice(), &["rotate-secret", "app", "--keep-old", "-1"], &["burn"]] {
            let (ok, out, err) = clients(&settings, malformed);
            assert!(!ok && out.is_empty() && err.starts_with("error: "), "{malformed:?}: {out}{err}");
        }
        assert_eq!(document(&settings, &["list"]).as_array().unwrap().len(), 2);
    }
}

#[actix_web::test]
async fn text_output_is_a_table_and_shows_the_secret_once() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let people = |arguments: &[&str]| {
            let (ok, out, err) = clients(&settings, arguments);
            assert!(ok && err.is_empty(), "{err}");
            out
        };
        let created = people(MACHINE);
        assert!(
            created.starts_with("client_id") && created.lines().last().unwrap().starts_with("lks_"),
            "{created}"
        );
        let uris = "http://127.0.0.1/cb,com.example.app:/cb";
        let app = ["--public", "--grants", "authorization_code,refresh_token", "--redirect-uris", uris];
        let created = people(&[&["create", "--name", "App", "--id", "app"], app.as_slice()].concat());
        assert!(
            !created.contains("lks_") && created.contains("http://127.0.0.1/cb, com.example.app:/cb"),
            "{created}"
        );
        let list = people(&["list"]);
        assert!(
            list.starts_with("CLIENT ID") && list.lines().count() == 3 && !list.contains("lks_"),
            "{list}"
        );
        let shown = people(&["show", "app"]);
        assert!(shown.contains("public") && shown.contains("authorization_code, refresh_token"), "{shown}");
        assert!(people(&["rotate-secret", "billing"]).contains("\nlks_"));
        assert!(people(&["disable", "billing"]).contains("disabled"));
        assert!(people(&["show", "billing"]).contains("disabled"));
        assert!(people(&["enable", "billing"]).contains("enabled"));
        assert!(people(&["delete", "billing"]).contains("deleted"));
    }
}

#[actix_web::test]
async fn tokens_of_a_disabled_client_are_refused_through_redis_and_feed() {
    for database in TestDatabase::both() {
        let redis = RedisProcess::start().await;
        let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
        let (service, other) = (settings.start().await, settings.replica().start().await);
        let created = document(&settings, MACHINE);
        let secret = created["client_secret"].as_str().unwrap();
        let by_redis = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
        let by_feed = ResourceServer::following(&settings.issuer).await;
        let token = token(&service, secret).await;
        by_redis.eventually_decides(Decision::Accepted, &token).await;
        by_feed.eventually_decides(Decision::Accepted, &token).await;

        let before_ms = SystemClock.now_ms();
        document(&settings, &["disable", "billing"]);
        for service in [&service, &other] {
            let (status, refused) = asked(service, secret).await;
            assert_eq!((status, &refused["error"]), (401, &"invalid_client".into()), "on every replica");
        }
        // The command itself has delivered the fact to Redis.
        let mut connection = redis.connection().await;
        let stored: i64 =
            redis::cmd("GET").arg("{revoked}:client:billing").query_async(&mut connection).await.unwrap();
        assert!((before_ms..=SystemClock.now_ms()).contains(&(stored - 1000)), "{stored}");
        let fact = cut(&service, "billing").await.unwrap();
        assert_eq!((&fact["at"], &fact["exp"]), (&stored.into(), &(stored / 1000 + 900 + 60).into()));
        by_redis.eventually_decides(Decision::Revoked, &token).await;
        by_feed.eventually_decides(Decision::Revoked, &token).await;

        document(&settings, &["enable", "billing"]);
        let again = self::token(&other, secret).await;
        by_redis.eventually_decides(Decision::Accepted, &again).await;
        by_feed.eventually_decides(Decision::Accepted, &again).await;
        assert_eq!(by_redis.decide(&token).await, Decision::Revoked);

        document(&settings, &["delete", "billing"]);
        by_redis.eventually_decides(Decision::Revoked, &again).await;
        by_feed.eventually_decides(Decision::Revoked, &again).await;
        let created = document(&settings, MACHINE);
        let third = self::token(&service, created["client_secret"].as_str().unwrap()).await;
        by_redis.eventually_decides(Decision::Accepted, &third).await;
        assert_eq!(by_redis.decide(&again).await, Decision::Revoked, "the cut still applies to the same id");
    }
}

/// Sends a `client_credentials` request. Returns the status and the body.
async fn asked(service: &Service, secret: &str) -> (u16, Value) {
    let form = [("grant_type", "client_credentials"), ("client_id", "billing"), ("client_secret", secret)];
    let answer =
        service.client.post(format!("{}/oauth2/token", service.url)).form(&form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Requests a token with `client_credentials`, waiting until the server knows the client.
async fn token(service: &Service, secret: &str) -> String {
    eventually("the server knows the client", WAIT_LIMIT, async || asked(service, secret).await.0 == 200)
        .await;
    let (_, token) = asked(service, secret).await;
    token["access_token"].as_str().unwrap().to_owned()
}

/// Runs a command and kills it in the half second between its two steps.
async fn killed_half_way(settings: &ServiceSettings, database: &TestDatabase, command: &str) {
    let database = Database::connect(&database.settings()).await.unwrap();
    let is_switched_off = async || {
        let found = database.read(|conn| storage::clients::find(conn, "billing"));
        !found.await.unwrap().unwrap().is_active
    };
    let mut child = settings
        .command()
        .args(["clients", command, "billing"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !is_switched_off().await {
        assert!(child.try_wait().unwrap().is_none(), "it runs");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[actix_web::test]
async fn an_interrupted_disabling_is_completed() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        document(&settings, MACHINE);
        killed_half_way(&settings, &database, "disable").await;
        // A service that starts completes the interrupted command. If no service runs, repeating the command
        // completes it.
        let service = settings.start().await;
        eventually("it is cut", WAIT_LIMIT, async || cut(&service, "billing").await.is_some()).await;
        document(&settings, &["enable", "billing"]);
        service.terminate();

        killed_half_way(&settings, &database, "delete").await;
        document(&settings, &["delete", "billing"]);
        assert_eq!(document(&settings, &["list"]), json!([]));
        let again = document(&settings, MACHINE);
        assert_eq!(again["active"], true);
        let service = settings.start().await;
        let cut = cut(&service, "billing").await.unwrap();
        let known = known(&database).await.find("billing").await.unwrap().unwrap();
        assert_eq!(known.client.token_cut_ms, cut["at"].as_i64(), "the cut still applies to the id");
    }
}

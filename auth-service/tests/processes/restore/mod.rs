//! The database is restored to an earlier state, and `auth-service after-restore` makes that safe.

mod everything;
mod million;
mod sqlite;

use std::io::Write;
use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::Value;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::revocation::{FeedSettings, Mirror, MirrorSettings, RedisSettings, RevocationSource};
use shared_claims::testing::RedisProcess;
use shared_claims::verifier::Verifier;

use crate::helpers::{ServiceSettings, WAIT_LIMIT, eventually};

/// A verifier that follows Redis or the feed.
async fn verifier(settings: &ServiceSettings, source: RevocationSource) -> Verifier {
    let builder = Verifier::builder(&settings.issuer).audience("todo-service");
    builder.revocation(source).build().await.unwrap()
}

async fn by_redis(settings: &ServiceSettings, redis: &RedisProcess) -> Verifier {
    let redis = RedisSettings::new(&redis.url()).unwrap();
    verifier(settings, Mirror::follow_redis(redis, MirrorSettings::default()).into()).await
}

async fn by_lookup(settings: &ServiceSettings, redis: &RedisProcess) -> Verifier {
    let redis = RedisSettings::new(&redis.url()).unwrap();
    let lookup = shared_claims::revocation::RedisLookup::new(redis, MirrorSettings::default());
    verifier(settings, lookup.into()).await
}

async fn by_feed(settings: &ServiceSettings) -> Verifier {
    let feed = FeedSettings::new(&format!("{}/revocations", settings.issuer)).unwrap();
    verifier(settings, Mirror::follow_feed(feed, MirrorSettings::default()).into()).await
}

/// Runs a command with this standard input. Returns whether it succeeded, its standard output and its standard error.
fn run(settings: &ServiceSettings, arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut command = settings.command();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The command may have ended without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Runs a command that must succeed. Returns its JSON document.
fn document(settings: &ServiceSettings, arguments: &[&str]) -> Value {
    let (ok, out, err) = run(settings, &[arguments, &["--json"]].concat(), "");
    assert!(ok, "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// Runs `after-restore`, and returns its JSON document.
fn ended(settings: &ServiceSettings) -> Value {
    document(settings, &["after-restore", "--yes"])
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

fn access(tokens: &Value) -> String {
    text(tokens, "access_token").to_owned()
}

#[actix_web::test]
async fn a_server_that_starts_on_an_older_state_serves_nothing() {
    for database in TestDatabase::both() {
        let redis = RedisProcess::start().await;
        let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
        let service = settings.start().await;
        service.register("alice").await;
        let token = service.access_token("alice").await;
        assert!(service.terminate().success());
        let saved = database.save();
        let service = settings.start().await;
        assert_eq!(service.post("/auth/logout", &token).await, StatusCode::NO_CONTENT);
        service.kill();

        database.restore(&saved);
        let started = settings.spawn();
        let client = reqwest::Client::new();
        let get = async |path: &str| client.get(format!("{}{path}", settings.issuer)).send().await;
        eventually("it answers", WAIT_LIMIT, async || get("/healthz").await.is_ok()).await;
        let ready = get("/readyz").await.unwrap();
        assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(ready.text().await.unwrap().contains("after-restore"));
        for path in ["/.well-known/jwks.json", "/revocations", "/login", "/nothing"] {
            let answer = get(path).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(answer.headers().contains_key("retry-after"));
        }
        let mine = client.get(format!("{}/auth/me", settings.issuer)).bearer_auth(&token).send().await;
        assert_eq!(mine.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

        // A command would append facts under the numbers of the lost ones, which Redis has.
        let revoke = || settings.command().args(["users", "revoke-tokens", "alice"]).output().unwrap();
        let refused = revoke();
        assert!(!refused.status.success());
        assert!(String::from_utf8(refused.stderr).unwrap().contains("after-restore"));

        // The server goes on by itself.
        ended(&settings);
        assert!(revoke().status.success());
        let ready = async || get("/readyz").await.is_ok_and(|answer| answer.status() == StatusCode::OK);
        eventually("it serves again", WAIT_LIMIT, ready).await;
        let mine = client.get(format!("{}/auth/me", settings.issuer)).bearer_auth(&token).send().await;
        assert_eq!(mine.unwrap().status(), StatusCode::UNAUTHORIZED);
        drop(started);
    }
}

#[actix_web::test]
async fn a_running_server_remembers_what_its_database_had() {
    let database = TestDatabase::create(Backend::Postgres);
    let settings = ServiceSettings::on(&database);
    let service = settings.start().await;
    service.register("alice").await;
    let token = service.access_token("alice").await;
    assert!(service.terminate().success());
    let saved = database.save();
    let service = settings.start().await;
    assert_eq!(service.post("/auth/logout", &token).await, StatusCode::NO_CONTENT);
    database.restore(&saved);
    let me = async || service.me(&token).await;
    eventually("it serves nothing", WAIT_LIMIT, async || me().await == StatusCode::SERVICE_UNAVAILABLE).await;
    // Without Redis a command cannot know. The log grows beyond the fact that was lost, and hides nothing by that.
    let path = format!("{}/readyz", settings.issuer);
    for _ in 0..2 {
        let revoked = settings.command().args(["users", "revoke-tokens", "alice"]).output().unwrap();
        assert!(revoked.status.success());
    }
    assert_eq!(me().await, StatusCode::SERVICE_UNAVAILABLE);
    let ready = service.client.get(&path).send().await.unwrap().text().await.unwrap();
    assert!(ready.contains("after-restore"), "{ready}");
    ended(&settings);
    eventually("it serves again", WAIT_LIMIT, async || me().await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(service.me(&service.access_token("alice").await).await, StatusCode::OK);
}

/// Redis, and each server itself, know that the id of such a database was replaced.
#[actix_web::test]
async fn a_state_from_before_an_earlier_after_restore_is_recognised() {
    for database in TestDatabase::both() {
        let redis = RedisProcess::start().await;
        let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
        let service = settings.start().await;
        service.register("alice").await;
        let token = service.access_token("alice").await;
        assert!(service.terminate().success());
        let saved = database.save();
        // Twice, so that the same state gets two ids.
        for _ in 0..2 {
            database.restore(&saved);
            ended(&settings);
            let service = settings.start().await;
            assert_eq!(service.me(&token).await, StatusCode::UNAUTHORIZED);
            assert!(service.terminate().success());
        }
        database.restore(&saved);
        let started = settings.spawn();
        let client = reqwest::Client::new();
        let me = async || {
            let answer = client.get(format!("{}/auth/me", settings.issuer)).bearer_auth(&token).send().await;
            answer.map(|answer| answer.status()).ok()
        };
        eventually("it answers", WAIT_LIMIT, async || me().await.is_some()).await;
        assert_eq!(me().await, Some(StatusCode::SERVICE_UNAVAILABLE));
        ended(&settings);
        eventually("it serves", WAIT_LIMIT, async || me().await == Some(StatusCode::UNAUTHORIZED)).await;
        drop(started);
    }
    // Without Redis, a server that runs remembers.
    let database = TestDatabase::create(Backend::Postgres);
    let settings = ServiceSettings::on(&database);
    let service = settings.start().await;
    service.register("alice").await;
    let token = service.access_token("alice").await;
    assert!(service.terminate().success());
    let saved = database.save();
    ended(&settings);
    let service = settings.start().await;
    database.restore(&saved);
    let me = async || service.me(&token).await;
    eventually("it serves nothing", WAIT_LIMIT, async || me().await == StatusCode::SERVICE_UNAVAILABLE).await;
}

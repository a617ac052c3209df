//! The database is restored to an earlier state, and `auth-service after-restore` makes that safe.

use std::process::{Child, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::revocation::{FeedSettings, Mirror, MirrorSettings, RedisSettings, RevocationSource};
use shared_claims::testing::{RedisProcess, free_port};
use shared_claims::verifier::Verifier;

use crate::helpers::{PASSWORD, ServiceSettings, WAIT_LIMIT, eventually};

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

fn after_restore(settings: &ServiceSettings, arguments: &[&str]) -> (bool, String, String) {
    let output = settings.command().arg("after-restore").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Runs the command, and returns its JSON document.
fn ended(settings: &ServiceSettings) -> Value {
    let (ok, out, err) = after_restore(settings, &["--yes", "--json"]);
    assert!(ok, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// A process that nobody waits for.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(settings: &ServiceSettings) -> Started {
    let mut command = settings.command();
    Started(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// Mail that cannot be delivered, so that it waits in the queue.
fn without_a_relay(settings: ServiceSettings) -> ServiceSettings {
    settings
        .with("AUTH__MAIL__TRANSPORT", "smtp")
        .with("AUTH__MAIL__FROM", "Latchkey <id@example.org>")
        .with("AUTH__MAIL__SMTP_URL", &format!("smtps://127.0.0.1:{}", free_port()))
}

#[actix_web::test]
async fn nothing_of_before_a_restore_is_accepted_after_it() {
    for database in TestDatabase::both() {
        let redis = RedisProcess::start().await;
        let settings = without_a_relay(ServiceSettings::on(&database).projecting_to(&redis.address()));
        let service = settings.start().await;
        service.register("alice").await;
        service.register("bob").await;
        let (before, kept) = (service.tokens("alice").await, service.tokens("bob").await);
        let carol = json!({ "username": "carol", "password": PASSWORD, "email": "carol@example.org" });
        service.client.post(format!("{}/auth/register", service.url)).json(&carol).send().await.unwrap();
        assert_ne!(queued(&settings), json!([]));
        assert!(service.terminate().success());
        let saved = database.save();

        let service = settings.start().await;
        let verifiers =
            [by_redis(&settings, &redis).await, by_lookup(&settings, &redis).await, by_feed(&settings).await];
        // Between the back-up and the restore: a session ends, another begins, and another key signs.
        let (old, session) = (access(&before), service.tokens("bob").await);
        assert_eq!(service.post("/auth/logout-all", &old).await, StatusCode::NO_CONTENT);
        let rotated = settings.command().args(["keys", "rotate", "--now"]).output().unwrap();
        assert!(rotated.status.success());
        let between = service.tokens("bob").await;
        let tokens = [&old, &access(&kept), &access(&session), &access(&between)];
        for verifier in &verifiers {
            eventually("the list is read", WAIT_LIMIT, async || verifier.verify(tokens[3]).await.is_ok())
                .await;
            assert!(verifier.verify(&old).await.is_err());
        }
        service.kill();

        database.restore(&saved);
        let (ok, out, err) = after_restore(&settings, &[]);
        assert!(!ok && out.is_empty() && err.contains("--yes"), "{out}{err}");
        let document = ended(&settings);
        assert_eq!((&document["users"], &document["sessions"]), (&3.into(), &2.into()), "{document}");
        assert_eq!(document["keys"].as_array().unwrap().len(), 1);
        assert_eq!(document["last_changed_users"].as_array().unwrap().len(), 3);

        let service = settings.start().await;
        for verifier in &verifiers {
            for token in tokens {
                eventually("it is refused", WAIT_LIMIT, async || verifier.verify(token).await.is_err()).await;
            }
        }
        let late =
            [by_redis(&settings, &redis).await, by_lookup(&settings, &redis).await, by_feed(&settings).await];
        let fresh = service.access_token("alice").await;
        for verifier in verifiers.iter().chain(&late) {
            for token in tokens {
                assert!(verifier.verify(token).await.is_err());
            }
            eventually("a new token counts", WAIT_LIMIT, async || verifier.verify(&fresh).await.is_ok())
                .await;
        }
        for tokens in [&before, &kept, &session, &between] {
            let form = [("grant_type", "refresh_token"), ("refresh_token", text(tokens, "refresh_token"))];
            let answer = service.client.post(format!("{}/auth/token", service.url)).form(&form).send().await;
            assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
            assert_eq!(service.me(&access(tokens)).await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(queued(&settings), json!([]));
        let audit = settings.command().args(["audit"]).output().unwrap();
        assert!(String::from_utf8(audit.stdout).unwrap().contains("database.restored"));
    }
}

/// The messages in the queue.
fn queued(settings: &ServiceSettings) -> Value {
    let listed = settings.command().args(["queue", "list", "--json"]).output().unwrap();
    serde_json::from_slice(&listed.stdout).unwrap()
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
        let started = start(&settings);
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

        // The server goes on by itself.
        ended(&settings);
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
    ended(&settings);
    eventually("it serves again", WAIT_LIMIT, async || me().await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(service.me(&service.access_token("alice").await).await, StatusCode::OK);
}

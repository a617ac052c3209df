//! Everything that can end between a back-up and a restore, and whether it is accepted afterwards.

#![expect(clippy::print_stdout, reason = "prints the table of what was accepted")]

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::{SavedDatabase, TestDatabase};
use shared_claims::testing::{RedisProcess, free_port};
use shared_claims::verifier::Verifier;

use super::{access, by_feed, by_lookup, by_redis, document, ended, run, text};
use crate::helpers::{PASSWORD, Service, ServiceSettings, WAIT_LIMIT, eventually};

/// A back-up: the file of the command for SQLite, a copy on the server for PostgreSQL.
enum Backup {
    File(String),
    Copy(SavedDatabase),
}

/// What was ended, or begun, between the back-up and the restore, and the access token that it is about.
type Tokens = BTreeMap<&'static str, String>;

async fn client_token(service: &Service, client: &Value) -> String {
    let request = service.client.post(format!("{}/oauth2/token", service.url));
    let request = request.basic_auth(text(client, "client_id"), Some(text(client, "client_secret")));
    let answer = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    access(&answer.json().await.unwrap())
}

fn new_client(settings: &ServiceSettings, id: &str) -> Value {
    let named = ["clients", "create", "--name", id, "--id", id, "--grants", "client_credentials"];
    document(settings, &[&named[..], &["--scopes", "todos:read"]].concat())
}

fn command(settings: &ServiceSettings, arguments: &[&str], input: &str) {
    let (ok, _, err) = run(settings, arguments, input);
    assert!(ok, "{arguments:?}: {err}");
}

/// Mail that cannot be delivered, so that it waits in the queue.
fn without_a_relay(settings: ServiceSettings) -> ServiceSettings {
    settings
        .with("AUTH__MAIL__TRANSPORT", "smtp")
        .with("AUTH__MAIL__FROM", "Latchkey <id@example.org>")
        .with("AUTH__MAIL__SMTP_URL", &format!("smtps://127.0.0.1:{}", free_port()))
}

async fn verifiers(
    settings: &ServiceSettings,
    redis: Option<&RedisProcess>,
) -> Vec<(&'static str, Verifier)> {
    let mut verifiers = vec![("feed", by_feed(settings).await)];
    if let Some(redis) = redis {
        verifiers.push(("mirror", by_redis(settings, redis).await));
        verifiers.push(("lookup", by_lookup(settings, redis).await));
    }
    verifiers
}

const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

#[actix_web::test]
async fn nothing_of_before_a_restore_is_accepted_after_it() {
    for database in TestDatabase::both() {
        for with_redis in [true, false] {
            let redis = if with_redis { Some(RedisProcess::start().await) } else { None };
            restore(&database, redis.as_ref()).await;
        }
    }
}

async fn restore(database: &TestDatabase, redis: Option<&RedisProcess>) {
    // Each round has a database without what the round before left.
    let fresh = TestDatabase::create(database.backend());
    let settings = without_a_relay(ServiceSettings::on(&fresh));
    let settings = match redis {
        Some(redis) => settings.projecting_to(&redis.address()),
        None => settings,
    };
    let service = settings.start().await;
    let mut tokens = Tokens::new();
    let mut sessions = Vec::new();
    let names = [
        "a session: logged out",
        "a user: tokens revoked",
        "a password: changed",
        "a user: disabled",
        "nothing: left alone",
    ];
    for (user, name) in USERS.into_iter().zip(names) {
        service.register(user).await;
        let session = service.tokens(user).await;
        tokens.insert(name, access(&session));
        sessions.push(session);
    }
    let billing = new_client(&settings, "billing");
    let removed = new_client(&settings, "removed");
    eventually("the clients are known", WAIT_LIMIT, async || {
        let request = service.client.post(format!("{}/oauth2/token", service.url));
        let request = request.basic_auth("removed", Some(text(&removed, "client_secret")));
        let answer = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
        answer.status() == StatusCode::OK
    })
    .await;
    tokens.insert("a token: revoked", client_token(&service, &billing).await);
    tokens.insert("a client: disabled", client_token(&service, &removed).await);
    let frank = json!({ "username": "frank", "password": PASSWORD, "email": "frank@example.org" });
    service.client.post(format!("{}/auth/register", service.url)).json(&frank).send().await.unwrap();
    assert_ne!(document(&settings, &["queue", "list"]), json!([]));

    let (service, saved) = back_up(&fresh, &settings, service).await;
    let running = verifiers(&settings, redis).await;
    for (how, verifier) in &running {
        for (what, token) in &tokens {
            let accepted = async || verifier.verify(token).await.is_ok();
            eventually(&format!("{how}, before: {what}"), WAIT_LIMIT, accepted).await;
        }
    }
    end_each(&settings, &service, &tokens, &billing).await;
    begin_anew(&settings, &service, &mut tokens, &mut sessions).await;
    for (how, verifier) in &running {
        let accepted = async || verifier.verify(&tokens["a key: made since"]).await.is_ok();
        eventually(&format!("{how}: a token of the key made since"), WAIT_LIMIT, accepted).await;
    }
    service.kill();

    put_back(&fresh, &settings, &saved);
    let service = settings.start().await;
    let answered = service.client.get(format!("{}/.well-known/jwks.json", service.url)).send().await.unwrap();
    assert_eq!(answered.status(), StatusCode::OK);
    let begun = verifiers(&settings, redis).await;
    let fresh_token = service.access_token("alice").await;
    let all = || running.iter().map(|one| ("running", one)).chain(begun.iter().map(|one| ("new", one)));
    for (age, (how, verifier)) in all() {
        let accepted = async || verifier.verify(&fresh_token).await.is_ok();
        eventually(&format!("{age} {how}: a new login"), WAIT_LIMIT, accepted).await;
    }
    let backend = database.backend();
    println!("{backend:?}, {} Redis", if redis.is_some() { "with" } else { "without" });
    for (what, token) in &tokens {
        let mut accepted = Vec::new();
        for (age, (how, verifier)) in all() {
            if verifier.verify(token).await.is_ok() {
                accepted.push(format!("{age} {how}"));
            }
        }
        if service.me(token).await == StatusCode::OK {
            accepted.push("the issuer".to_owned());
        }
        let shown = if accepted.is_empty() { "none".to_owned() } else { accepted.join(", ") };
        println!("| {what} | {shown} |");
        assert!(accepted.is_empty(), "{backend:?}: {what}: accepted by {shown}");
    }
    for session in &sessions {
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(session, "refresh_token"))];
        let answer = service.client.post(format!("{}/auth/token", service.url)).form(&form).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(document(&settings, &["queue", "list"]), json!([]), "no old mail goes out");
    let (_, audit, _) = run(&settings, &["audit"], "");
    assert!(audit.contains("database.restored"));
}

/// Saves the database. The command for SQLite does it beside the running server, under load.
async fn back_up(database: &TestDatabase, settings: &ServiceSettings, service: Service) -> (Service, Backup) {
    if database.backend() == Backend::Sqlite {
        let file = database.folder().join("backup.db").display().to_string();
        let logins = async {
            for _ in 0..20 {
                service.access_token("erin").await;
            }
        };
        let (at, named) = (settings.clone(), file.clone());
        let saving = tokio::task::spawn_blocking(move || document(&at, &["backup", &named]));
        let ((), saved) = futures_util::future::join(logins, saving).await;
        assert!(saved.unwrap()["bytes"].as_u64().unwrap() > 0);
        return (service, Backup::File(file));
    }
    assert!(service.terminate().success());
    let saved = database.save();
    (settings.start().await, Backup::Copy(saved))
}

/// Ends all that `tokens` names.
async fn end_each(settings: &ServiceSettings, service: &Service, tokens: &Tokens, billing: &Value) {
    let path = "/auth/logout";
    assert_eq!(service.post(path, &tokens["a session: logged out"]).await, StatusCode::NO_CONTENT);
    let revoking = service.client.post(format!("{}/oauth2/revoke", service.url));
    let revoking = revoking.basic_auth("billing", Some(text(billing, "client_secret")));
    let answer = revoking.form(&[("token", &tokens["a token: revoked"])]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    command(settings, &["users", "revoke-tokens", "bob"], "");
    command(settings, &["users", "set-password", "carol", "--password-stdin"], "another good password\n");
    command(settings, &["users", "disable", "dave"], "");
    command(settings, &["clients", "disable", "removed"], "");
}

/// Adds what the back-up does not know: a session, an application, keys. The key of before is revoked.
async fn begin_anew(
    settings: &ServiceSettings,
    service: &Service,
    tokens: &mut Tokens,
    sessions: &mut Vec<Value>,
) {
    let session = service.tokens("erin").await;
    tokens.insert("a session: begun since", access(&session));
    sessions.push(session);
    let application = new_client(settings, "application");
    let known = async || {
        let request = service.client.post(format!("{}/oauth2/token", service.url));
        let request = request.basic_auth("application", Some(text(&application, "client_secret")));
        let answer = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
        answer.status() == StatusCode::OK
    };
    eventually("the application is known", WAIT_LIMIT, known).await;
    tokens.insert("an application: added since", client_token(service, &application).await);
    command(settings, &["keys", "rotate", "--now"], "");
    let keys = document(settings, &["keys", "list"]);
    let retired = keys.as_array().unwrap().iter().find(|key| key["state"] == "retired").unwrap();
    command(settings, &["keys", "rotate", "--compromised", text(retired, "kid")], "");
    let is_new = async || {
        let token = service.access_token("erin").await;
        let header = token.split('.').next().unwrap();
        let header = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"] != retired["kid"]
    };
    eventually("the new key signs", WAIT_LIMIT, is_new).await;
    let session = service.tokens("erin").await;
    tokens.insert("a key: made since", access(&session));
    sessions.push(session);
}

fn put_back(database: &TestDatabase, settings: &ServiceSettings, saved: &Backup) {
    let document = match saved {
        Backup::File(file) => document(settings, &["restore", file, "--yes"]),
        Backup::Copy(copy) => {
            database.restore(copy);
            let (ok, out, err) = run(settings, &["after-restore"], "");
            assert!(!ok && out.is_empty() && err.contains("--yes"), "{out}{err}");
            ended(settings)
        }
    };
    assert_eq!(document["users"], 6, "{document}");
    assert!(document["sessions"].as_u64().unwrap() >= 5, "{document}");
    assert_eq!(document["keys"].as_array().unwrap().len(), 1);
    assert_eq!(document["clients"], 2);
    assert!(document["messages"].as_u64().unwrap() >= 1);
    assert_eq!(document["last_changed_users"].as_array().unwrap().len(), 6);
}

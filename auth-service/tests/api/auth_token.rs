use std::sync::Arc;
use std::time::Duration;

use auth_service::storage::users;
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;
use shared_claims::testing::eventually;
use uuid::Uuid;

use crate::helpers::{
    PASSWORD, START_MS, both, both_with, claims_of, is_invalid_token, settings, spawn_app, spawn_replica,
};

#[tokio::test]
async fn the_response_and_its_token_are_the_same_on_both_databases() {
    for app in both().await {
        app.register("Alice").await;
        let response = app.try_login("alice", PASSWORD).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let body: Value = response.json().await.unwrap();
        let token = body["access_token"].as_str().unwrap();
        let header = token.split('.').next().unwrap();
        let header =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        insta::assert_json_snapshot!("token", json!({
            "answer": body, "header": header, "claims": claims_of(token),
        }), { ".answer.access_token" => "[token]" });
        let me: Value = app.me(token).await.json().await.unwrap();
        insta::assert_json_snapshot!("me", me);
    }
}

/// B1: failed logins are answered alike.
#[tokio::test]
async fn every_failed_login_gets_the_same_response_and_costs_a_hash() {
    for app in both().await {
        app.register("alice").await;
        let disabled = app.register("disabled").await;
        app.disable(disabled["id"].as_str().unwrap()).await;
        let mut answers = Vec::new();
        for (name, password) in [
            ("alice", "wrong password of some length"),
            ("nobody", PASSWORD),
            ("disabled", PASSWORD),
            ("disabled", "wrong password of some length"),
            ("a\u{200b}b", PASSWORD),
            ("", ""),
        ] {
            let before = app.metric("latchkey_password_hashes_total").await;
            let response = app.try_login(name, password).await;
            let status = response.status();
            let mut headers: Vec<_> = response
                .headers()
                .iter()
                .filter(|(name, _)| {
                    // What is left of the attempts of the address becomes less with each.
                    let differing = ["x-request-id", "date", "access-control-expose-headers", "ratelimit"];
                    !differing.contains(&name.as_str())
                })
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            headers.sort();
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
            answers.push((headers, response.text().await.unwrap()));
            assert_eq!(app.metric("latchkey_password_hashes_total").await, before + 1, "{name}");
        }
        assert!(answers[0].1.contains("\"detail\":\"Incorrect username or password\""));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    }
}

#[tokio::test]
async fn a_missing_field_is_named() {
    for app in both().await {
        for (form, fields) in [
            (&[][..], &["username", "password"][..]),
            (&[("username", "a")], &["password"]),
            (&[("grant_type", "password"), ("password", "a")], &["username"]),
            (&[("grant_type", "refresh_token")], &["refresh_token"]),
            (&[("grant_type", "client_credentials")], &["grant_type"]),
            (&[("username", "a"), ("username", "b"), ("password", "c")], &["username"]),
        ] {
            let response = app.post_token(form).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
            let body: Value = response.json().await.unwrap();
            let named: Vec<_> =
                body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
            assert_eq!(named, fields, "{form:?}");
        }
        let login = json!({ "username": "a", "password": "b" });
        let response = app.post("/auth/token").json(&login).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let response = app.get("/auth/token").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn extra_parameters_of_libraries_are_ignored() {
    for app in both().await {
        app.register("alice").await;
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
            ("scope", ""),
            ("client_id", ""),
            ("client_secret", "string"),
        ];
        let response =
            app.post("/auth/token/").basic_auth("client", Some("secret")).form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_scope_narrows_and_an_unknown_one_is_refused() {
    for app in both().await {
        app.register("alice").await;
        let login = |scope: &'static str| {
            let form = [("username", "alice"), ("password", PASSWORD), ("scope", scope)];
            let app = &app;
            async move { app.post_token(&form).await }
        };
        let body: Value = login("todos:read openid").await.json().await.unwrap();
        assert_eq!(body["scope"], "todos:read openid");
        assert_eq!(claims_of(body["access_token"].as_str().unwrap())["scope"], "todos:read openid");
        for scope in ["admin", "todos:read admin", "todos:readwrite", "todos:read  openid", "\u{e4}", " "] {
            assert_eq!(login(scope).await.status(), StatusCode::BAD_REQUEST, "{scope:?}");
        }
    }
}

#[tokio::test]
async fn a_full_hash_queue_is_503_with_retry_after() {
    let app = spawn_app(Backend::Sqlite, |settings| {
        settings.passwords.bcrypt_cost = 10;
        settings.passwords.workers = 1;
        settings.passwords.queue_limit = 2;
    })
    .await;
    app.register("alice").await;
    let all = futures_util::future::join_all((0..30).map(|_| app.try_login("alice", PASSWORD))).await;
    let refused: Vec<_> = all.iter().filter(|response| response.status() != StatusCode::OK).collect();
    assert!(!refused.is_empty() && refused.len() < 30);
    for response in refused {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
    app.login("alice").await;
}

#[tokio::test]
async fn a_login_that_would_wait_too_long_is_503_with_retry_after() {
    let app = spawn_app(Backend::Sqlite, |settings| {
        settings.passwords.bcrypt_cost = 10;
        settings.passwords.workers = 1;
        settings.passwords.max_wait_ms = 1000;
    })
    .await;
    // On a busy machine even one request may wait for its thread too long, so it tries again.
    let account = json!({ "username": "alice", "password": PASSWORD });
    let registered =
        || async { app.post_json("/auth/register", &account).await.status() == StatusCode::CREATED };
    eventually("the user is registered", Duration::from_secs(60), registered).await;
    let all = futures_util::future::join_all((0..100).map(|_| app.try_login("alice", PASSWORD))).await;
    let refused: Vec<_> = all.iter().filter(|response| response.status() != StatusCode::OK).collect();
    assert!(!refused.is_empty());
    for response in refused {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
    // Whoever comes later is served.
    let served = || async { app.try_login("alice", PASSWORD).await.status() == StatusCode::OK };
    eventually("a login is served", Duration::from_secs(60), served).await;
}

#[tokio::test]
async fn an_access_token_expires_by_its_time_and_not_after_the_session() {
    for app in both_with(|settings| settings.sessions.max_age_seconds = 1000).await {
        let tokens = app.user("alice").await;
        assert_eq!(claims_of(&tokens.access)["exp"], 1_700_000_900);
        app.clock.advance_ms(800_000);
        let second = app.refresh(&tokens.refresh).await;
        assert_eq!(claims_of(&second.access)["exp"], 1_700_001_000);
        assert!(app.is_live(&tokens.access).await);
        // A verifier's leeway of ten seconds.
        app.clock.advance_ms(110_000);
        assert!(!app.is_live(&tokens.access).await);
        assert!(app.is_live(&second.access).await);
        app.clock.advance_ms(90_000);
        assert!(!app.is_live(&second.access).await, "the session has ended");
        assert!(app.is_refused(&second.refresh).await);
    }
}

#[tokio::test]
async fn anything_but_an_access_token_is_refused() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let (body, signature) = tokens.access.rsplit_once('.').unwrap();
        let mut flipped = signature.to_owned();
        flipped.replace_range(9..10, if signature.as_bytes()[9] == b'A' { "B" } else { "A" });
        for token in [&tokens.refresh, body, &format!("{body}."), &format!("{body}.{flipped}"), "x"] {
            assert!(is_invalid_token(app.me(token).await).await, "{token}");
        }
        let bare = app.get("/auth/me").send().await.unwrap();
        assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(bare.headers()[WWW_AUTHENTICATE], "Bearer");
    }
}

#[tokio::test]
async fn a_plain_bcrypt_hash_is_accepted_and_upgraded_at_login() {
    for app in both().await {
        let user = app.register("imported").await;
        let id: Uuid = user["id"].as_str().unwrap().parse().unwrap();
        let plain = auth_service::domain::PasswordHash {
            scheme: "bcrypt".to_owned(),
            value: bcrypt::hash("imported password", 4).unwrap(),
        };
        let set = app.database.write(move |conn| users::set_password(conn, id, &plain, 1));
        set.await.unwrap();
        for _ in 0..2 {
            assert_eq!(app.try_login("imported", "imported password").await.status(), StatusCode::OK);
        }
        assert_eq!(app.try_login("imported", "imported passwor").await.status(), StatusCode::UNAUTHORIZED);
        let stored = app.database.read(move |conn| users::find_by_name(conn, "imported"));
        assert_eq!(stored.await.unwrap().unwrap().hash.scheme, "hmac-sha384+bcrypt");
    }
}

/// A text that is too long to be a password is refused without being hashed, and with the same cost as for an unknown
/// user.
#[tokio::test]
async fn a_password_above_the_limit_is_wrong_for_every_user() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let mut short = settings(&place);
        short.passwords.max_length = 64;
        let clock = ManualClock::at(START_MS);
        let before = spawn_replica(&place, settings(&place), clock.clone(), 1).await.unwrap();
        // Two hundred and fifty characters, each of which has five bytes before composition.
        let long = "a\u{302}\u{323}".repeat(250);
        let registered = before.register_with(&json!({ "username": "alice", "password": long })).await;
        assert_eq!(registered.status(), StatusCode::CREATED);
        assert_eq!(before.try_login("alice", &long).await.status(), StatusCode::OK);
        let after = spawn_replica(&place, short, clock, 2).await.unwrap();
        let huge = "\u{fdfa}".repeat(6000);
        for (name, password) in [("alice", &long), ("alice", &huge), ("nobody", &huge)] {
            let response = after.try_login(name, password).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["detail"], "Incorrect username or password");
        }
        assert_eq!(before.try_login("alice", &long).await.status(), StatusCode::OK);
    }
}

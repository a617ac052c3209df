//! How many failed authentications of clients come from one address.

use std::sync::Arc;

use auth_service::config::Settings;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::clients::{basic, client, public_client, secret_of};
use crate::helpers::{START_MS, TestApp, both_with, settings, spawn_replica};

const ONE: &str = "198.51.100.1";
const OTHER: &str = "198.51.100.2";

fn limit(settings: &mut Settings) {
    settings.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    settings.throttle.client_failures_per_minute = 4;
}

async fn ask(app: &TestApp, path: &str, address: &str, id: &str, secret: &str) -> Response {
    let request = app.post(path).form(&[("grant_type", "client_credentials"), ("token", "x")]);
    let request = request.header("X-Forwarded-For", address).header(AUTHORIZATION, basic(id, secret));
    request.send().await.unwrap()
}

async fn token(app: &TestApp, address: &str, id: &str, secret: &str) -> StatusCode {
    ask(app, "/oauth2/token", address, id, secret).await.status()
}

/// Checks that this is a refusal in the form of OAuth, and returns the seconds to wait.
async fn throttled(response: Response) -> u64 {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let seconds = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    let body: Value = response.json().await.unwrap();
    let expected = json!({
        "error": "temporarily_unavailable", "error_description": "too many requests, try again later"
    });
    assert_eq!(body, expected);
    seconds
}

/// Past the limit nobody learns whether a secret is right, at any endpoint where clients authenticate.
#[tokio::test]
async fn a_network_with_too_many_failures_is_refused_whatever_the_secret() {
    for app in both_with(limit).await {
        for id in ["billing", "other"] {
            app.add_client(client(id)).await;
        }
        app.add_client(public_client("app")).await;
        let right = secret_of("billing");
        for (id, secret) in [("billing", "wrong"), ("unknown", "x"), ("app", "a secret"), ("billing", "")] {
            assert_eq!(token(&app, ONE, id, secret).await, StatusCode::UNAUTHORIZED, "{id}");
            assert_eq!(token(&app, ONE, "billing", &right).await, StatusCode::OK, "success does not count");
        }
        assert_eq!(throttled(ask(&app, "/oauth2/token", ONE, "billing", "wrong").await).await, 15);
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
            for (id, secret) in [("billing", &*right), ("billing", "wrong"), ("other", "x"), ("unknown", "x")]
            {
                assert_eq!(throttled(ask(&app, path, ONE, id, secret).await).await, 15, "{path} {id}");
            }
        }
        assert_eq!(token(&app, OTHER, "billing", &right).await, StatusCode::OK);
        app.clock.advance_ms(14_999);
        assert_eq!(token(&app, ONE, "billing", &right).await, StatusCode::TOO_MANY_REQUESTS);
        app.clock.advance_ms(1);
        assert_eq!(token(&app, ONE, "billing", &right).await, StatusCode::OK);
        assert_eq!(token(&app, ONE, "billing", "wrong").await, StatusCode::UNAUTHORIZED);
        assert_eq!(token(&app, ONE, "billing", "wrong").await, StatusCode::TOO_MANY_REQUESTS);
    }
}

/// A public client presents nothing that could be guessed, so others on its network do not stop it.
#[tokio::test]
async fn public_clients_go_on() {
    for app in both_with(limit).await {
        app.add_client(public_client("app")).await;
        let redeem = async || {
            let form = [("grant_type", "authorization_code"), ("client_id", "app"), ("code", "lkc_x")];
            let sent = app.post("/oauth2/token").form(&form).header("X-Forwarded-For", ONE).send().await;
            sent.unwrap().status()
        };
        for _ in 0..5 {
            token(&app, ONE, "unknown", "x").await;
        }
        assert_eq!(token(&app, ONE, "unknown", "x").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(redeem().await, StatusCode::BAD_REQUEST, "invalid_grant");
        let revoked = app.revoke(&[("token", "x"), ("client_id", "first-party")]).await;
        assert_eq!(revoked.status(), StatusCode::OK);
    }
}

/// What is refused without a judgement is not recorded, so that a flood writes nothing.
#[tokio::test]
async fn refused_authentications_are_not_recorded() {
    for app in both_with(limit).await {
        app.add_client(client("billing")).await;
        for _ in 0..20 {
            token(&app, ONE, "billing", "wrong").await;
        }
        let rows = app.audit_rows().await;
        assert_eq!(rows.iter().filter(|row| row.kind == "client.refused").count(), 5);
    }
}

/// Replicas share the count. Each learns that it is full with its first failure.
#[tokio::test]
async fn three_replicas_share_the_limit() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let mut settings = settings(&place);
        limit(&mut settings);
        settings.throttle.client_failures_per_minute = 6;
        let clock = ManualClock::at(START_MS);
        let mut replicas = Vec::new();
        for seed in 1..=3 {
            replicas.push(spawn_replica(&place, settings.clone(), clock.clone(), seed).await.unwrap());
        }
        replicas[0].add_client(client("billing")).await;
        let right = secret_of("billing");
        for failure in 0..6 {
            let app = &replicas[failure % 3];
            assert_eq!(token(app, ONE, "billing", "wrong").await, StatusCode::UNAUTHORIZED, "{failure}");
        }
        for app in &replicas {
            assert_eq!(token(app, ONE, "billing", "wrong").await, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(token(app, ONE, "billing", &right).await, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(token(app, OTHER, "billing", &right).await, StatusCode::OK);
        }
    }
}

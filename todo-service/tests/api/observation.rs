//! Health, readiness and metrics.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use shared_claims::clock::SystemClock;
use shared_claims::testing::{TestIssuer, TestKey, eventually};

use crate::helpers::{ADA, BOTH, spawn_app, spawn_unready};

#[actix_web::test]
async fn readyz_names_every_dependency() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        assert_eq!(app.get("/healthz", None).await.status, 200);
        let ready = app.get("/readyz", None).await.json();
        assert_eq!(ready["status"], "ready");
        for name in ["database", "key_set", "revocation_list"] {
            assert_eq!(ready["dependencies"][name]["state"], "ok", "{ready}");
        }
        assert_eq!(ready["dependencies"]["revocation_list"]["source"], "feed");
        assert!(ready["dependencies"]["revocation_list"]["age_ms"].is_u64(), "{ready}");
    }
}

#[actix_web::test]
async fn without_keys_or_list_the_service_is_not_ready_and_responds_503() {
    let app = spawn_unready(BOTH[0], Arc::new(SystemClock), |settings| {
        settings.revocation.feed_url = Some("http://127.0.0.1:9/revocations".parse().unwrap());
    })
    .await;
    let ready = app.get("/readyz", None).await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["dependencies"]["revocation_list"]["state"], "down");
    assert_eq!(ready.json()["dependencies"]["database"]["state"], "ok");
    assert_eq!(app.get("/healthz", None).await.status, 200);
    let response = app.get("/whoami", Some(&app.token(ADA))).await;
    response.problem(503);
    assert!(response.header("retry-after").is_some());
    // An invalid token is still answered with 401.
    app.get("/whoami", Some("garbage")).await.problem(401);
}

#[actix_web::test]
async fn the_service_starts_without_its_issuer_and_serves_when_it_is_available() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = spawn_unready(BOTH[0], Arc::new(SystemClock), |settings| {
        settings.auth.issuer = format!("http://{address}");
    })
    .await;
    let ready = app.get("/readyz", None).await;
    assert_eq!((ready.status, &ready.json()["dependencies"]["key_set"]["state"]), (503, &"down".into()));

    let issuer = TestIssuer::start_on(TcpListener::bind(address).unwrap(), [TestKey::shared(0)]);
    app.ready().await;
    let token = app.token_of(ADA).claim("iss", issuer.url()).sign();
    assert_eq!(app.get("/whoami", Some(&token)).await.status, 200);
}

#[actix_web::test]
async fn the_verifier_s_counters_are_metrics() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    for _ in 0..2 {
        app.get("/whoami", Some(&token)).await;
    }
    app.get("/whoami", Some("garbage")).await;
    let metrics = app.get("/metrics", None).await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        "latchkey_tokens_accepted_total 2",
        "latchkey_tokens_refused_total{reason=\"malformed\"} 1",
        "latchkey_tokens_revoked_total{kind=\"sid\"} 0",
        "latchkey_tokens_unavailable_total{missing=\"revocations\"}",
        "latchkey_token_cache_total{outcome=\"hit\"} 1",
        "latchkey_token_cache_total{outcome=\"miss\"} 1",
        "latchkey_revocation_list_current 1",
        "latchkey_revocation_list_age_seconds ",
        "latchkey_revocation_list_entries 0",
        "latchkey_key_set_keys 1",
        "latchkey_database_connections{state=\"idle\"}",
    ] {
        assert!(metrics.body.lines().any(|there| there.starts_with(line)), "{line} in\n{}", metrics.body);
    }
    assert!(!metrics.body.contains(&token) && !metrics.body.contains(ADA));
}

#[actix_web::test]
async fn whoami_needs_no_database() {
    // The test also sees what the other endpoints do without the database: they response 503, not 500.
    let app = spawn_app(BOTH[1]).await;
    let token = app.token(ADA);
    app.drop_database();
    eventually("the list needs the database", Duration::from_secs(10), || async {
        app.get("/todos/", Some(&token)).await.status == 503
    })
    .await;
    assert_eq!(app.get("/whoami", Some(&token)).await.status, 200);
    let ready = app.get("/readyz", None).await;
    assert_eq!((ready.status, &ready.json()["dependencies"]["database"]["state"]), (503, &"down".into()));
}

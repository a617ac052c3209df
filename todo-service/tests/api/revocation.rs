//! Revoked tokens, with the feed and with Redis, as mirror and as lookup.

use std::time::Duration;

use shared_claims::clock::{Clock, SystemClock};
use shared_claims::revocation::{RevocationFact, RevocationKind};
use shared_claims::testing::{ListWriter, RedisProcess, TestKey, eventually, token_id};
use todo_service::config::Settings;
use todo_service::config::{OnOutage, RevocationMode};

use crate::helpers::{ADA, BOB, BOTH, TestApp, spawn_app, spawn_app_with};

const SOON: Duration = Duration::from_secs(1);

async fn refused_within_a_second(app: &TestApp, token: &str) {
    eventually("the token is refused", SOON, || async {
        app.get("/todos/", Some(token)).await.status == 401
    })
    .await;
    let response = app.get("/todos/", Some(token)).await;
    let challenge = response.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
    response.problem(401);
}

#[actix_web::test]
async fn every_kind_of_revocation_applies_only_to_its_own_tokens() {
    let app = spawn_app(BOTH[0]).await;
    let now_ms = SystemClock.now_ms();
    let session = "0198d2c4-0000-7000-8000-00000000005e";
    let id = token_id(now_ms);
    let revoked = [
        (RevocationKind::Jti, id.to_string(), None, app.token_of(ADA).claim("jti", id.to_string()).sign()),
        (RevocationKind::Sid, session.to_owned(), None, app.token_of(ADA).claim("sid", session).sign()),
        (RevocationKind::Sub, BOB.to_owned(), Some(now_ms + 500), app.token(BOB)),
        (
            RevocationKind::Client,
            "app".to_owned(),
            Some(now_ms + 500),
            app.token_of(ADA).claim("client_id", "app").sign(),
        ),
    ];
    let other = app.token(ADA);
    for (kind, subject, cut, token) in revoked {
        assert_eq!(app.get("/todos/", Some(&token)).await.status, 200, "{kind:?}");
        app.feed.revoke(kind, &subject, cut);
        refused_within_a_second(&app, &token).await;
        assert_eq!(app.get("/todos/", Some(&other)).await.status, 200, "{kind:?}");
    }
    let later = app.token_of(BOB).claim("jti", token_id(now_ms + 501).to_string()).sign();
    assert_eq!(app.get("/todos/", Some(&later)).await.status, 200, "issued after the cut");
    app.feed.revoke(RevocationKind::Key, TestKey::shared(0).kid(), None);
    refused_within_a_second(&app, &other).await;
}

#[actix_web::test]
async fn a_stale_list_accepts_no_token_until_it_is_current_again() {
    let app = spawn_app_with(BOTH[0], |settings| settings.revocation.max_staleness_seconds = 3).await;
    let (good, bad) = (app.token(ADA), app.token(BOB));
    app.feed.revoke(RevocationKind::Sub, BOB, Some(SystemClock.now_ms() + 1000));
    refused_within_a_second(&app, &bad).await;

    app.feed.set_down(true);
    eventually("the list is too old", Duration::from_secs(6), || async {
        app.get("/todos/", Some(&good)).await.status == 503
    })
    .await;
    assert!(app.get("/todos/", Some(&good)).await.header("retry-after").is_some());
    assert_eq!(app.get("/todos/", Some(&bad)).await.status, 401, "a token that was refused stays refused");
    assert_eq!(app.get("/readyz", None).await.status, 503);

    app.feed.set_down(false);
    eventually("good tokens are accepted again", Duration::from_secs(3), || async {
        app.get("/todos/", Some(&good)).await.status == 200
    })
    .await;
    assert_eq!(app.get("/todos/", Some(&bad)).await.status, 401);
}

#[actix_web::test]
async fn tokens_may_be_accepted_during_an_outage_and_are_counted() {
    let app = spawn_app_with(BOTH[0], |settings| {
        settings.revocation.feed_url = Some("http://127.0.0.1:9/revocations".parse().unwrap());
        settings.revocation.on_outage = OnOutage::Accept;
    })
    .await;
    assert_eq!(app.get("/todos/", Some(&app.token(ADA))).await.status, 200);
    assert_eq!(app.get("/readyz", None).await.json()["status"], "degraded");
    let metrics = app.get("/metrics", None).await.body;
    assert!(metrics.contains("latchkey_tokens_accepted_on_outage_total 1"), "{metrics}");
}

fn by_redis(redis: &RedisProcess, mode: RevocationMode) -> impl FnOnce(&mut Settings) {
    let url = redis.url();
    move |settings| {
        settings.revocation.redis_url = Some(service_kit::config::UrlWithSecret::new(url));
        "{test}".clone_into(&mut settings.revocation.prefix);
        settings.revocation.mode = mode;
    }
}

#[actix_web::test]
async fn revocations_work_through_redis_as_mirror_and_as_lookup() {
    for (mode, source) in [(RevocationMode::Mirror, "redis"), (RevocationMode::Lookup, "lookup")] {
        let redis = RedisProcess::start().await;
        let mut list = ListWriter::new(redis.connection().await, "{test}");
        list.rebuild().await;
        let app = spawn_app_with(BOTH[0], by_redis(&redis, mode)).await;
        let ready = app.get("/readyz", None).await.json();
        assert_eq!(ready["dependencies"]["revocation_list"]["source"], source);

        let session = "0198d2c4-0000-7000-8000-00000000005e";
        let (good, bad) = (app.token(ADA), app.token_of(ADA).claim("sid", session).sign());
        assert_eq!(app.get("/todos/", Some(&bad)).await.status, 200);
        list.revoke(RevocationFact {
            kind: RevocationKind::Sid,
            id: session.to_owned(),
            at: None,
            exp: 4_000_000_000,
        })
        .await;
        refused_within_a_second(&app, &bad).await;
        assert_eq!(app.get("/todos/", Some(&good)).await.status, 200);
    }
}

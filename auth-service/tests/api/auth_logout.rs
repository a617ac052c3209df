use reqwest::StatusCode;
use serde_json::Value;
use service_kit::config::UrlWithSecret;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::{Clock, ManualClock, SystemClock};
use shared_claims::testing::RedisProcess;

use crate::helpers::{START_MS, both, both_with, claims_of, settings, spawn_replica};

#[tokio::test]
async fn logout_ends_only_the_current_session() {
    for app in both().await {
        let here = app.user("alice").await;
        let there = app.login("alice").await;
        let refreshed = app.refresh(&here.refresh).await;
        assert_eq!(app.logout(&here.access).await.status(), StatusCode::NO_CONTENT);
        for token in [&here.access, &refreshed.access] {
            assert!(!app.is_live(token).await);
        }
        assert!(app.is_refused(&refreshed.refresh).await);
        assert!(app.is_live(&there.access).await);
        app.refresh(&there.refresh).await;
        assert_eq!(app.logout(&here.access).await.status(), StatusCode::UNAUTHORIZED);
        let facts = app.facts().await;
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0]["kind"], "sid");
        assert_eq!(facts[0]["exp"], START_MS / 1000 + 900 + 60);
    }
}

#[tokio::test]
async fn logout_all_ends_every_session_and_a_later_login_succeeds() {
    for app in both().await {
        let one = app.user("alice").await;
        let two = app.login("alice").await;
        let other = app.user("bob").await;
        for round in 0..3 {
            let last = app.login("alice").await;
            assert_eq!(app.logout_all(&last.access).await.status(), StatusCode::NO_CONTENT);
            // The clock does not move, so this is the same millisecond.
            let next = app.login("alice").await;
            assert!(app.is_live(&next.access).await, "round {round}");
            for tokens in [&one, &two, &last] {
                assert!(!app.is_live(&tokens.access).await);
                assert!(app.is_refused(&tokens.refresh).await);
            }
            let cut = app.facts().await.last().unwrap()["at"].as_i64().unwrap();
            assert_eq!(cut, START_MS + 1000 + round);
            let jti = claims_of(&next.access)["jti"].as_str().unwrap().replace('-', "");
            let minted = i64::from_str_radix(&jti[..12], 16).unwrap();
            assert!(minted > cut);
        }
        assert!(app.is_live(&other.access).await);
    }
}

#[tokio::test]
async fn logout_needs_a_live_session() {
    for app in both().await {
        for path in ["/auth/logout", "/auth/logout-all"] {
            let response = app.post(path).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["detail"], "Not authenticated");
            let response = app.post(path).bearer_auth("x.y.z").send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn expired_facts_leave_the_feed() {
    let short = |settings: &mut auth_service::config::Settings| settings.tokens.access_ttl_seconds = 5;
    for app in both_with(short).await {
        let tokens = app.user("alice").await;
        app.logout(&tokens.access).await;
        assert_eq!(app.facts().await.len(), 1);
        // The lifetime of the token, 60 s for which the fact is kept longer, and a margin for clock skew.
        app.clock.advance_ms(126_000);
        assert!(app.facts().await.is_empty(), "the feed has no expired facts");
        assert!(!app.is_live(&tokens.access).await);
    }
}

/// CONTRACT §2: the response waits until Redis has the fact.
#[tokio::test]
async fn redis_has_the_fact_before_the_response_is_sent() {
    let own = match std::env::var("TEST_REDIS_URL") {
        Ok(_) => None,
        Err(_) => Some(RedisProcess::start().await),
    };
    let url = own.as_ref().map_or_else(|| std::env::var("TEST_REDIS_URL").unwrap(), RedisProcess::url);
    let prefix = format!("{{test-{:016x}}}", rand::random::<u64>());
    let place = std::sync::Arc::new(TestDatabase::create(Backend::Sqlite));
    let mut settings = settings(&place);
    settings.revocation.redis_url = Some(UrlWithSecret::new(&url));
    settings.revocation.prefix.clone_from(&prefix);
    // Redis expires facts by its own clock, so this test uses the current time.
    let clock = ManualClock::at(SystemClock.now_ms());
    let app = spawn_replica(&place, settings, clock, 1).await.unwrap();
    let mut redis = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    let mut has = |key: String| redis::cmd("EXISTS").arg(key).query::<bool>(&mut redis).unwrap();
    let tokens = app.user("alice").await;
    let second = app.refresh(&tokens.refresh).await;
    let claims = claims_of(&second.access);
    let of = |kind: &str, claim: &str| format!("{prefix}:{kind}:{}", claims[claim].as_str().unwrap());
    app.revoke(&[("token", &second.access), ("client_id", "first-party")]).await;
    assert!(has(of("jti", "jti")) && !has(of("sid", "sid")));
    app.logout(&tokens.access).await;
    assert!(has(of("sid", "sid")) && !has(of("sub", "sub")));
    let third = app.login("alice").await;
    app.logout_all(&third.access).await;
    assert!(has(of("sub", "sub")));
    let ready: Value = app.get("/readyz").send().await.unwrap().json().await.unwrap();
    assert!(ready["dependencies"]["redis"].is_object());
    drop(app);
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query(&mut redis).unwrap();
    redis::cmd("DEL").arg(keys).exec(&mut redis).unwrap();
}

//! Limits that replicas share, in Redis and in the database, under parallel attempts and while the store is away.

use std::sync::Arc;
use std::time::Duration;

use auth_service::config::Settings;
use auth_service::storage::schema::throttle_counters;
use diesel::prelude::*;
use reqwest::StatusCode;
use service_kit::config::UrlWithSecret;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, DatabaseError};
use shared_claims::clock::ManualClock;
use shared_claims::testing::{Proxy, ProxyMode, RedisProcess, eventually};
use tokio::task::JoinSet;

use crate::helpers::{PASSWORD, START_MS, TestApp, settings, spawn_app, spawn_replica};

const WRONG: &str = "not the password of anybody";

/// Three replicas on one PostgreSQL.
async fn replicas(change: impl Fn(&mut Settings)) -> Vec<TestApp> {
    let place = Arc::new(TestDatabase::create(Backend::Postgres));
    let clock = ManualClock::at(START_MS);
    let mut settings = settings(&place);
    settings.throttle.failures_per_name = 10;
    change(&mut settings);
    let mut replicas = Vec::new();
    for seed in 1..=3 {
        replicas.push(spawn_replica(&place, settings.clone(), Arc::clone(&clock), seed).await.unwrap());
    }
    replicas
}

/// Logs in many times at once, at each replica in turn. Returns the answers.
async fn log_in_at_once(
    replicas: &[TestApp],
    name: &str,
    password: &'static str,
    times: usize,
) -> Vec<StatusCode> {
    let mut attempts = JoinSet::new();
    for app in replicas.iter().cycle().take(times) {
        let form = [("username", name.to_owned()), ("password", password.to_owned())];
        let request = app.client.post(format!("{}/auth/token", app.url)).form(&form);
        attempts.spawn(async move { request.send().await.unwrap().status() });
    }
    attempts.join_all().await
}

async fn hashes(replicas: &[TestApp]) -> u64 {
    let mut all = 0;
    for app in replicas {
        all += app.metric("latchkey_password_hashes_total").await;
    }
    all
}

fn count(statuses: &[StatusCode], status: StatusCode) -> usize {
    statuses.iter().filter(|other| **other == status).count()
}

async fn parallel_attempts_share_one_limit(replicas: Vec<TestApp>) {
    replicas[0].register("alice").await;
    replicas[0].register("bob").await;
    let before = hashes(&replicas).await;
    let wrong = log_in_at_once(&replicas, "alice", WRONG, 200).await;
    let judged = count(&wrong, StatusCode::UNAUTHORIZED);
    assert_eq!((judged, count(&wrong, StatusCode::TOO_MANY_REQUESTS)), (10, 190));
    assert_eq!(hashes(&replicas).await - before, 10);

    let right = log_in_at_once(&replicas, "bob", PASSWORD, 50).await;
    assert_eq!(count(&right, StatusCode::OK), 50, "{right:?}");
    for app in &replicas {
        assert_eq!(app.metric("latchkey_throttle_store_up").await, 1);
    }
}

#[tokio::test]
async fn parallel_attempts_share_one_limit_in_redis() {
    let redis = RedisProcess::start().await;
    let url = redis.url();
    let replicas =
        replicas(|settings| settings.revocation.redis_url = Some(UrlWithSecret::new(url.clone()))).await;
    parallel_attempts_share_one_limit(replicas).await;
}

#[tokio::test]
async fn parallel_attempts_share_one_limit_in_the_database() {
    parallel_attempts_share_one_limit(replicas(|_| {}).await).await;
}

#[tokio::test]
async fn while_redis_is_away_the_right_password_is_accepted_and_wrong_ones_are_limited() {
    let redis = RedisProcess::start().await;
    let proxy = Proxy::before(&redis.address()).await;
    let url = format!("redis://{}", proxy.address());
    let app = spawn_app(Backend::Sqlite, |settings| {
        settings.revocation.redis_url = Some(UrlWithSecret::new(url));
        settings.throttle.failures_per_name = 3;
    })
    .await;
    for name in ["alice", "bob", "carol"] {
        app.register(name).await;
    }
    let status = async |name: &str, password: &str| app.try_login(name, password).await.status();
    for _ in 0..3 {
        assert_eq!(status("carol", WRONG).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(status("carol", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);

    for (mode, name) in [(ProxyMode::Refuse, "alice"), (ProxyMode::Hang, "bob")] {
        proxy.set(mode);
        assert_eq!(status(name, PASSWORD).await, StatusCode::OK, "{mode:?}");
        for _ in 0..3 {
            assert_eq!(status(name, WRONG).await, StatusCode::UNAUTHORIZED, "{mode:?}");
        }
        for password in [WRONG, PASSWORD] {
            assert_eq!(status(name, password).await, StatusCode::TOO_MANY_REQUESTS, "{mode:?}");
        }
        assert_eq!(app.metric("latchkey_throttle_store_up").await, 0);
        proxy.set(ProxyMode::Forward);
        eventually("Redis is used again", Duration::from_secs(20), || async {
            app.try_login("nobody", WRONG).await;
            app.metric("latchkey_throttle_store_up").await == 1
        })
        .await;
        assert_eq!(status(name, PASSWORD).await, StatusCode::OK, "{mode:?}: nobody is locked by this");
    }
    assert_eq!(status("carol", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS, "as it was");
    assert!(app.metric("latchkey_throttle_local_total").await >= 8);
    assert!(app.metric("latchkey_throttle_refusals_total{budget=\"account\"}").await >= 6);
}

#[tokio::test]
async fn nothing_is_counted_where_the_throttle_is_off() {
    let redis = RedisProcess::start().await;
    for url in [None, Some(UrlWithSecret::new(redis.url()))] {
        let app = spawn_app(Backend::Sqlite, |settings| {
            settings.revocation.redis_url = url;
            settings.throttle.enabled = false;
            settings.throttle.failures_per_name = 1;
            settings.throttle.logins_per_address_per_minute = 1;
        })
        .await;
        app.register("alice").await;
        for _ in 0..5 {
            assert_eq!(app.try_login("alice", WRONG).await.status(), StatusCode::UNAUTHORIZED);
        }
        let rows = app
            .database
            .read(|conn| Ok::<_, DatabaseError>(throttle_counters::table.count().get_result::<i64>(conn)?));
        assert_eq!(rows.await.unwrap(), 0);
    }
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("{throttle}*").query_async(&mut redis.connection().await).await.unwrap();
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test]
async fn no_store_holds_a_name_or_an_address() {
    let redis = RedisProcess::start().await;
    let app = spawn_app(Backend::Sqlite, |settings| {
        settings.revocation.redis_url = Some(UrlWithSecret::new(redis.url()));
        settings.throttle.prefix = "{counts}".to_owned();
    })
    .await;
    app.try_login("a-name-that-somebody-typed", WRONG).await;
    let mut connection = redis.connection().await;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("{counts}*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 3, "two counters and the index");
    for key in keys {
        let dumped: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
        for typed in ["a-name-that-somebody-typed", "127.0.0.1"] {
            for bytes in [&key, &dumped] {
                assert!(!bytes.windows(typed.len()).any(|window| window == typed.as_bytes()));
            }
        }
    }
}

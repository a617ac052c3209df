//! Tests that two processes on one PostgreSQL act as one issuer.

use std::time::Duration;

use reqwest::StatusCode;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::RedisProcess;

use crate::helpers::{Decision, ResourceServer, ServiceSettings, eventually};

#[actix_web::test]
async fn replicas_that_start_at_once_share_keys_users_and_revocations() {
    let (database, redis) = (TestDatabase::create(Backend::Postgres), RedisProcess::start().await);
    let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
    let replica = settings.replica();
    // Both run the migrations and create a key if there is none. They take turns.
    let (one, other) = tokio::join!(settings.start(), replica.start());

    assert_eq!(one.register("alice").await, StatusCode::CREATED);
    assert_eq!(other.register("Alice").await, StatusCode::BAD_REQUEST);
    let token = other.access_token("alice").await;
    assert_eq!(one.me(&token).await, StatusCode::OK, "both replicas have the same key set");

    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    resource.eventually_decides(Decision::Accepted, &token).await;
    assert_eq!(other.post("/auth/logout", &token).await, StatusCode::NO_CONTENT);
    assert_eq!(one.me(&token).await, StatusCode::UNAUTHORIZED, "one truth");
    resource.eventually_decides(Decision::Revoked, &token).await;
}

#[actix_web::test]
async fn a_feed_that_waits_at_one_replica_hears_of_the_other() {
    let database = TestDatabase::create(Backend::Postgres);
    let settings = ServiceSettings::on(&database);
    let (one, other) = (settings.start().await, settings.replica().start().await);
    one.register("alice").await;
    let token = one.access_token("alice").await;
    let feed = async |query: String| -> serde_json::Value {
        let answer = one.client.get(format!("{}/revocations{query}", one.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    };
    let first = feed(String::new()).await;
    assert_eq!(first["complete"], true);
    let cursor = first["cursor"].as_str().unwrap();
    let waiting = feed(format!("?after={cursor}&wait=20"));
    let ending = async {
        assert_eq!(other.post("/auth/logout", &token).await, StatusCode::NO_CONTENT);
    };
    let (heard, ()) =
        tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(waiting, ending) }).await.unwrap();
    assert_eq!(heard["entries"][0]["kind"], "sid");
    assert_eq!(heard["epoch"], first["epoch"], "a cursor is valid on every replica");

    let ended =
        other.client.get(format!("{}/revocations?after={}", other.url, heard["cursor"].as_str().unwrap()));
    let ended: serde_json::Value = ended.send().await.unwrap().json().await.unwrap();
    assert_eq!(ended["entries"], serde_json::json!([]));
    eventually("the other replica refuses", Duration::from_secs(5), async || {
        one.me(&token).await == StatusCode::UNAUTHORIZED
    })
    .await;
}

//! The feed as a verifier in any language meets it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;

use crate::helpers::{Recipe, Service};

fn recipe() -> (TestDatabase, Recipe) {
    let database = TestDatabase::create(Backend::Sqlite);
    let recipe = Recipe::on(&database);
    (database, recipe)
}

async fn answer(service: &Service, query: &str) -> (StatusCode, Value) {
    let answer = service.client.get(format!("{}/revocations{query}", service.url)).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[actix_web::test]
async fn the_list_is_followed_by_its_cursor() {
    let (_database, recipe) = recipe();
    let service = recipe.start().await;
    service.register("alice").await;
    let (one, other) = (service.access_token("alice").await, service.access_token("alice").await);
    let (status, empty) = answer(&service, "").await;
    assert_eq!((status, &empty["entries"], &empty["complete"]), (StatusCode::OK, &json!([]), &json!(true)));

    service.post("/auth/logout", &one).await;
    let after = format!("?after={}", empty["cursor"].as_str().unwrap());
    let (_, first) = answer(&service, &after).await;
    let entry = first["entries"][0].as_object().unwrap();
    assert_eq!(entry.keys().map(String::as_str).collect::<Vec<_>>(), ["at", "exp", "id", "kind"]);
    assert_eq!((&entry["kind"], &entry["at"]), (&json!("sid"), &Value::Null));

    service.post("/auth/logout-all", &other).await;
    let after = format!("?after={}", first["cursor"].as_str().unwrap());
    let (_, second) = answer(&service, &after).await;
    assert_eq!(second["entries"].as_array().unwrap().len(), 1);
    assert_eq!(second["entries"][0]["kind"], "sub");
    assert!(second["entries"][0]["at"].as_i64().unwrap() > 1_700_000_000_000);

    let (_, whole) = answer(&service, "").await;
    assert_eq!(whole["entries"].as_array().unwrap().len(), 2);
    assert_eq!((&whole["epoch"], &whole["cursor"]), (&empty["epoch"], &second["cursor"]));
}

#[actix_web::test]
async fn a_cursor_of_another_list_is_gone_and_a_wait_has_its_limit() {
    let (_database, recipe) = recipe();
    let service = recipe.start().await;
    let (_, list) = answer(&service, "").await;
    let epoch = list["epoch"].as_str().unwrap();
    for cursor in ["1", "garbage", "other.1", &format!("{epoch}.99"), &format!("{epoch}.-1"), ""] {
        assert_eq!(answer(&service, &format!("?after={cursor}")).await.0, StatusCode::GONE, "{cursor}");
    }
    for wait in ["31", "-1", "soon"] {
        let (status, problem) = answer(&service, &format!("?wait={wait}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wait}");
        assert_eq!(problem["errors"][0]["field"], "wait");
    }
}

#[actix_web::test]
async fn without_a_token_it_answers_this_machine_alone() {
    let (_database, recipe) = recipe();
    let service = recipe.start().await;
    for header in ["X-Forwarded-For", "Forwarded"] {
        let forwarded =
            service.client.get(format!("{}/revocations", service.url)).header(header, "for=127.0.0.1");
        assert_eq!(forwarded.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{header}");
    }
}

#[actix_web::test]
async fn with_a_token_it_answers_who_has_it() {
    let (_database, recipe) = recipe();
    let service = recipe.with("AUTH__REVOCATION__FEED_TOKEN", "a-feed-token-of-some-length").start().await;
    let get = || service.client.get(format!("{}/revocations", service.url));
    for refused in [get(), get().bearer_auth("another"), get().header("Authorization", "Basic YTpi")] {
        let refused = refused.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(refused.headers()["WWW-Authenticate"], "Bearer");
    }
    let forwarded = get().bearer_auth("a-feed-token-of-some-length").header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(forwarded.send().await.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn it_is_compressed_for_who_asks() {
    let (_database, recipe) = recipe();
    let service = recipe.start().await;
    // A client that does not take the encoding off again.
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let get = plain.get(format!("{}/revocations", service.url)).header("Accept-Encoding", "gzip");
    assert_eq!(get.send().await.unwrap().headers()["Content-Encoding"], "gzip");
}

#[actix_web::test]
async fn a_stop_answers_who_waits() {
    let (_database, recipe) = recipe();
    let service = recipe.start().await;
    let (_, list) = answer(&service, "").await;
    let url = format!("{}/revocations?wait=30&after={}", service.url, list["cursor"].as_str().unwrap());
    let waiting = tokio::spawn(service.client.get(url).send());
    let metrics = format!("{}/metrics", service.url);
    crate::helpers::eventually("the feed waits", Duration::from_secs(5), async || {
        let told = service.client.get(&metrics).send().await.unwrap().text().await.unwrap();
        told.lines().any(|line| line == "revocation_feed_waiting 1")
    })
    .await;
    assert!(service.terminate().success());
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
}

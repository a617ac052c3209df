//! The claims that `GET /whoami` shows.

use serde_json::json;
use shared_claims::clock::ManualClock;

use crate::helpers::{ADA, BOTH, spawn_app, spawn_app_at};

#[actix_web::test]
async fn the_wire_shape() {
    let app = spawn_app_at(BOTH[0], ManualClock::at(1_772_366_400_000)).await;
    let token = app.token_of(ADA).claim("roles", json!(["admin", "editor"])).sign();
    insta::assert_json_snapshot!("whoami", app.get("/whoami", Some(&token)).await.json());
}

#[actix_web::test]
async fn claims_that_the_token_lacks_are_null_or_empty() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token_of("reporter").claim("client_id", "reporter");
    let token = token.without_claim("username").without_claim("sid").without_claim("scope").sign();
    let seen = app.get("/whoami", Some(&token)).await.json();
    assert_eq!(seen["sub"], "reporter");
    assert_eq!(seen["client_id"], "reporter");
    assert_eq!(seen["username"], json!(null));
    assert_eq!(seen["scope"], "");
    assert_eq!(seen["roles"], json!([]));
}

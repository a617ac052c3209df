//! Cases that exist only for the tower layer: no connection to look at, HTTP/2 targets, and custom claims.

use axum::body::Body;
use axum::{Extension, Router, routing};
use http::Request;
use serde::Deserialize;
use shared_claims::tower::{BearerLayer, InvalidOrigin};
use shared_claims::verifier::{KeySet, KeySetHandle, Verified};
use tower::ServiceExt as _;

use crate::support::{COOKIE, Source, builder, token, verifier};

/// The status of a POST with the cookie, for this target and these headers.
async fn post(layer: BearerLayer, target: &str, headers: &[(&str, &str)]) -> u16 {
    let app = Router::new().fallback(async || "done").layer(layer);
    let cookie = format!("{COOKIE}={}", token().sign());
    let request = Request::post(target).header("cookie", cookie);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn for_a_service_that_ends_tls_itself_a_plain_http_page_is_foreign() {
    let layer = BearerLayer::new(verifier(Source::None).await).cookie(COOKIE);
    let clear = [("host", "todo.example"), ("origin", "http://todo.example")];
    let tls = [("host", "todo.example"), ("origin", "https://todo.example")];
    assert_eq!(post(layer.clone(), "/", &clear).await, 200);
    assert_eq!(post(layer.clone().over_tls(), "/", &clear).await, 403);
    assert_eq!(post(layer.over_tls(), "/", &tls).await, 200);
}

#[tokio::test]
async fn http_2_has_scheme_and_host_in_the_target() {
    let layer = BearerLayer::new(verifier(Source::None).await).cookie(COOKIE);
    let target = "https://todo.example/todos";
    assert_eq!(post(layer.clone(), target, &[("origin", "https://todo.example")]).await, 200);
    assert_eq!(post(layer.clone(), target, &[("origin", "http://todo.example")]).await, 403);
    assert_eq!(post(layer, target, &[("origin", "https://evil.example")]).await, 403);
}

#[tokio::test]
async fn a_list_with_something_else_in_it_is_refused() {
    let layer = BearerLayer::new(verifier(Source::None).await);
    let error = layer.allowed_origins(["https://app.example", "*"]).err();
    assert_eq!(error, Some(InvalidOrigin("*".to_owned())));
}

#[tokio::test]
async fn claims_of_a_service_s_own_reach_the_handler() {
    #[derive(Clone, Debug, Deserialize)]
    struct Own {
        tenant: String,
    }

    async fn tenant(Extension(user): Extension<Verified<Own>>) -> String {
        user.custom.tenant.clone()
    }

    let keys = KeySetHandle::new();
    keys.set(KeySet::from_keys([shared_claims::testing::TestKey::shared(0).public()]));
    let verifier = builder(keys).without_revocation().custom_claims::<Own>().build().await.unwrap();
    let app = Router::new().route("/", routing::get(tenant)).layer(BearerLayer::new(verifier));
    let asked = async |token: String| {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(asked(token().claim("tenant", "acme").sign()).await, (200, "acme".to_owned()));
    assert_eq!(asked(token().claim("tenant", 7).sign()).await.0, 401);
}

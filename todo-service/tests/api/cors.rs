//! Which scripts may read which responses (CONTRACT §5). The headers that every response has are tested in
//! `service-kit/tests/http/cors.rs`.

use reqwest::Method;
use reqwest::header::ORIGIN;
use serde_json::json;

use crate::helpers::{ADA, BOTH, TestApp, TestResponse, spawn_app};

const LISTED: &str = "http://localhost:5173";
const TRACING: &str = "authorization,baggage,content-type,sentry-trace,traceparent";

async fn preflight(app: &TestApp, path: &str, origin: &str, method: &str) -> TestResponse {
    let request = app.request(Method::OPTIONS, path, None).header(ORIGIN, origin);
    let request = request.header("access-control-request-method", method);
    TestResponse::of(request.header("access-control-request-headers", TRACING)).await
}

#[actix_web::test]
async fn a_listed_front_end_sends_any_header_and_uses_every_method_of_a_path() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    let todo = app.create(&token, "read").await;
    let path = format!("/todos/{}", todo["id"].as_str().unwrap());
    for (path, methods) in [
        ("/todos/", "GET, HEAD, POST, OPTIONS"),
        (path.as_str(), "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("/whoami", "GET, HEAD, OPTIONS"),
    ] {
        let asked = preflight(&app, path, LISTED, "PUT").await;
        assert_eq!((asked.status, asked.body.as_str()), (204, ""), "{path}");
        assert_eq!(asked.header("access-control-allow-origin"), Some(LISTED));
        assert_eq!(asked.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(asked.header("access-control-allow-headers"), Some(TRACING));
        assert_eq!(asked.header("access-control-allow-methods"), Some(methods));
    }
    let change = app.request(Method::PUT, &path, Some(&token)).json(&json!({"completed": true}));
    let responses = [
        (TestResponse::of(change.header(ORIGIN, LISTED)).await, 200),
        (
            TestResponse::of(app.request(Method::GET, "/todos/x", Some(&token)).header(ORIGIN, LISTED)).await,
            404,
        ),
        (TestResponse::of(app.request(Method::GET, "/todos", None).header(ORIGIN, LISTED)).await, 401),
        (TestResponse::of(app.request(Method::PATCH, &path, None).header(ORIGIN, LISTED)).await, 405),
        (
            TestResponse::of(app.request(Method::DELETE, &path, Some(&token)).header(ORIGIN, LISTED)).await,
            204,
        ),
    ];
    for (response, status) in responses {
        assert_eq!(response.status, status);
        assert_eq!(response.header("access-control-allow-origin"), Some(LISTED), "{response:?}");
        assert_eq!(response.header("vary"), Some("origin"));
    }
}

#[actix_web::test]
async fn another_origin_may_not_read_responses() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    for origin in ["https://evil.example", "null", "http://localhost:5174"] {
        let asked = preflight(&app, "/todos/", origin, "GET").await;
        let read = app.request(Method::GET, "/todos/", Some(&token)).header(ORIGIN, origin);
        for response in [asked, TestResponse::of(read).await] {
            assert_eq!(response.header("access-control-allow-origin"), None, "{response:?}");
            assert!(response.header("vary").is_some_and(|vary| vary.contains("origin")));
        }
    }
}

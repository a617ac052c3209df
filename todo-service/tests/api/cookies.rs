//! The cookie of the first-party API, and the origins that may use it for changes.

use reqwest::Method;
use serde_json::json;

use crate::helpers::{ADA, BOTH, TestApp, TestResponse, spawn_app, spawn_app_with};

async fn post(app: &TestApp, cookie: &str, headers: &[(&str, &str)]) -> TestResponse {
    let request = app.request(Method::POST, "/todos/", None).header("cookie", cookie);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    TestResponse::of(request.json(&json!({ "title": "a" }))).await
}

#[actix_web::test]
async fn a_cookie_may_read_from_any_origin_and_write_only_from_known_origins() {
    let app = spawn_app_with(BOTH[0], |settings| {
        settings.http.cors_origins = vec!["https://app.example.com".to_owned()];
    })
    .await;
    let cookie = format!("__Host-access_token={}", app.token(ADA));
    let own = app.url.clone();
    let read = app.request(Method::GET, "/todos/", None).header("cookie", &cookie);
    assert_eq!(TestResponse::of(read.header("origin", "https://evil.example")).await.status, 200);

    for headers in [
        [("origin", "https://app.example.com")],
        [("origin", own.as_str())],
        [("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(post(&app, &cookie, &headers).await.status, 201, "{headers:?}");
    }
    let withheld = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    assert_eq!(post(&app, &cookie, &withheld).await.status, 201, "null is no origin");
    for headers in [
        vec![],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "null"), ("sec-fetch-site", "cross-site")],
        vec![("origin", "https://app.example.com.evil.example")],
        vec![("origin", "http://app.example.com")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
    ] {
        post(&app, &cookie, &headers).await.problem(403);
    }
}

#[actix_web::test]
async fn cookies_are_ignored_if_there_is_an_authorization_header() {
    let app = spawn_app(BOTH[0]).await;
    let cookie = format!("__Host-access_token={}", app.token(ADA));
    let bad =
        TestResponse::of(app.request(Method::GET, "/todos/", Some("garbage")).header("cookie", &cookie))
            .await;
    bad.problem(401);
    // A request with a bearer token is accepted from any origin, whatever cookies it has.
    let good =
        app.request(Method::POST, "/todos/", Some(&app.token(ADA))).header("cookie", "__Host-access_token=x");
    let good = good.header("origin", "https://evil.example").json(&json!({ "title": "a" }));
    assert_eq!(TestResponse::of(good).await.status, 201);
}

#[actix_web::test]
async fn the_cookie_has_no_prefix_if_cookies_are_not_secure() {
    let insecure = spawn_app_with(BOTH[0], |settings| settings.cookies.secure = Some(false)).await;
    let secure = spawn_app(BOTH[0]).await;
    for (app, name, status) in [
        (&insecure, "access_token", 200),
        (&insecure, "__Host-access_token", 401),
        (&secure, "__Host-access_token", 200),
        (&secure, "access_token", 401),
    ] {
        let request = app.request(Method::GET, "/todos/", None);
        let request = request.header("cookie", format!("theme=dark; {name}={}", app.token(ADA)));
        assert_eq!(TestResponse::of(request).await.status, status, "{name}");
    }
}

/// Cookie names are compared as they were sent. A cookie that is sent twice is refused, because another host of the
/// same domain may have set one of the two.
#[actix_web::test]
async fn cookie_names_are_not_decoded_and_a_repeated_cookie_is_refused() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    for (cookies, status) in [
        (format!("%5F%5FHost-access_token={token}"), 401),
        (format!("%5F%5FHost-access_token=x; __Host-access_token={token}"), 200),
        (format!("name=ä; __Host-access_token={token}"), 200),
        (format!("__Host-access_token={token}; __Host-access_token={token}"), 400),
        (format!("__Host-access_token=; __Host-access_token={token}"), 400),
    ] {
        let value = reqwest::header::HeaderValue::from_bytes(cookies.as_bytes()).unwrap();
        let request = app.request(Method::GET, "/todos/", None).header("cookie", value);
        assert_eq!(TestResponse::of(request).await.status, status, "{cookies}");
    }
}

#[actix_web::test]
async fn a_suffix_is_part_of_the_name() {
    let app = spawn_app_with(BOTH[0], |settings| settings.cookies.suffix = "-b".to_owned()).await;
    for (name, status) in [("__Host-access_token-b", 200), ("__Host-access_token", 401)] {
        let request = app.request(Method::GET, "/todos/", None);
        let request = request.header("cookie", format!("{name}={}", app.token(ADA)));
        assert_eq!(TestResponse::of(request).await.status, status, "{name}");
    }
}

#[actix_web::test]
async fn cookies_are_secure_by_default_if_the_issuer_uses_https() {
    let unset = spawn_app_with(BOTH[0], |settings| settings.cookies.secure = None).await;
    for (name, status) in [("access_token", 200), ("__Host-access_token", 401)] {
        let request = unset.request(Method::GET, "/todos/", None);
        let request = request.header("cookie", format!("{name}={}", unset.token(ADA)));
        assert_eq!(TestResponse::of(request).await.status, status, "{name}");
    }
}

#[actix_web::test]
async fn scripts_of_listed_origins_may_read_responses() {
    let app = spawn_app(BOTH[0]).await;
    let asked = |origin: &'static str| {
        let request = app.request(Method::OPTIONS, "/todos/", None).header("origin", origin);
        TestResponse::of(
            request
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type"),
        )
    };
    let response = asked("http://localhost:5173").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(asked("https://evil.example").await.header("access-control-allow-origin"), None);
}

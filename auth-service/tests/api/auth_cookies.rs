use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;

use crate::helpers::{PASSWORD, TestApp, both, both_with};

const ACCESS: &str = "__Host-access_token";
const REFRESH: &str = "__Secure-refresh_token";

/// The cookies that an answer sets, each as `name=value` and its attributes.
fn set_cookies(response: &Response) -> Vec<(String, String)> {
    let lines = response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    lines
        .map(|line| line.split_once("; ").map(|(pair, rest)| (pair.to_owned(), rest.to_owned())).unwrap())
        .collect()
}

fn value(response: &Response, name: &str) -> String {
    let cookies = set_cookies(response);
    let pair = cookies.iter().find_map(|(pair, _)| pair.strip_prefix(&format!("{name}="))).unwrap();
    pair.to_owned()
}

fn login(app: &TestApp) -> RequestBuilder {
    app.post("/auth/login").json(&json!({ "username": "alice", "password": PASSWORD }))
}

fn own(app: &TestApp) -> String {
    app.url.clone()
}

fn is_cleared(response: &Response) -> bool {
    let cookies = set_cookies(response);
    cookies.len() == 2 && cookies.iter().all(|(pair, rest)| pair.ends_with('=') && rest.contains("Max-Age=0"))
}

#[tokio::test]
async fn login_sets_two_cookies_that_no_script_and_no_other_service_sees() {
    for app in both().await {
        app.register("alice").await;
        let response = login(&app).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let cookies = set_cookies(&response);
        assert_eq!(cookies.len(), 2);
        assert!(cookies[0].0.starts_with("__Host-access_token=ey"));
        assert_eq!(cookies[0].1, "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=900");
        assert!(cookies[1].0.starts_with("__Secure-refresh_token=lkr_"));
        assert_eq!(cookies[1].1, "HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=2592000");
        let cookie = format!("{ACCESS}={}", value(&response, ACCESS));
        let me = app.get("/auth/me").header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(me.status(), StatusCode::OK, "reading needs no origin");
        let me = app.get("/auth/me").header(COOKIE, &cookie).bearer_auth("x").send().await.unwrap();
        assert_eq!(me.status(), StatusCode::UNAUTHORIZED, "with the header, cookies are ignored");
    }
}

#[tokio::test]
async fn without_secure_the_names_have_no_prefix() {
    for app in both_with(|settings| settings.cookies.secure = false).await {
        app.register("alice").await;
        let cookies = set_cookies(&login(&app).send().await.unwrap());
        assert!(cookies[0].0.starts_with("access_token=") && cookies[1].0.starts_with("refresh_token="));
        assert!(cookies.iter().all(|(_, rest)| !rest.contains("Secure")));
    }
}

#[tokio::test]
async fn refresh_and_logout_by_cookie() {
    for app in both().await {
        app.register("alice").await;
        let response = login(&app).send().await.unwrap();
        let cookie = format!("{REFRESH}={}", value(&response, REFRESH));
        let refresh =
            |cookie: String| app.post("/auth/refresh").header(COOKIE, cookie).header(ORIGIN, own(&app));
        let with_header = refresh(cookie.clone()).bearer_auth("x").send().await.unwrap();
        assert_eq!(with_header.status(), StatusCode::UNAUTHORIZED, "with a header, cookies are ignored");
        let rotated = refresh(cookie.clone()).send().await.unwrap();
        assert_eq!(rotated.status(), StatusCode::NO_CONTENT);
        assert_ne!(value(&rotated, REFRESH), value(&response, REFRESH));

        let access = value(&rotated, ACCESS);
        let both_cookies = format!("{ACCESS}={access}; {REFRESH}={}", value(&rotated, REFRESH));
        let out = app
            .post("/auth/logout")
            .header(COOKIE, &both_cookies)
            .header(ORIGIN, own(&app))
            .send()
            .await
            .unwrap();
        assert_eq!(out.status(), StatusCode::NO_CONTENT);
        assert!(is_cleared(&out));
        assert!(!app.is_live(&access).await);
        let dead = refresh(both_cookies).send().await.unwrap();
        assert_eq!(dead.status(), StatusCode::UNAUTHORIZED);
        assert!(is_cleared(&dead));
        let none = app.post("/auth/refresh").header(ORIGIN, own(&app)).send().await.unwrap();
        assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
        assert!(is_cleared(&none));
    }
}

#[tokio::test]
async fn logout_by_the_refresh_cookie_alone() {
    for app in both().await {
        app.register("alice").await;
        let response = login(&app).send().await.unwrap();
        let (access, cookie) = (value(&response, ACCESS), format!("{REFRESH}={}", value(&response, REFRESH)));
        let logout = |origin: String| app.post("/auth/logout").header(COOKIE, &cookie).header(ORIGIN, origin);
        let foreign = logout("https://evil.example".to_owned()).send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
        assert!(app.is_live(&access).await);
        let out = logout(own(&app)).send().await.unwrap();
        assert_eq!(out.status(), StatusCode::NO_CONTENT);
        assert!(!app.is_live(&access).await);
        let again = logout(own(&app)).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
        assert!(is_cleared(&again));
    }
}

/// B21
#[tokio::test]
async fn a_cookie_changes_nothing_from_a_foreign_origin() {
    for app in both().await {
        app.register("alice").await;
        let response = login(&app).send().await.unwrap();
        let cookies =
            format!("{ACCESS}={}; {REFRESH}={}", value(&response, ACCESS), value(&response, REFRESH));
        let host = app.url.trim_start_matches("http://");
        let foreign = [
            "https://evil.example".to_owned(),
            "null".to_owned(),
            format!("http://{host}.evil.example"),
            format!("http://evil-{host}"),
            "http://127.0.0.1:1".to_owned(),
        ];
        for path in ["/auth/logout", "/auth/logout-all", "/auth/refresh"] {
            for origin in &foreign {
                let request = app.post(path).header(COOKIE, &cookies).header(ORIGIN, origin);
                assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path} {origin}");
            }
            let none = app.post(path).header(COOKIE, &cookies).send().await.unwrap();
            assert_eq!(none.status(), StatusCode::FORBIDDEN, "{path} without an origin");
        }
        assert!(app.is_live(&value(&response, ACCESS)).await);
        let listed =
            app.post("/auth/refresh").header(COOKIE, &cookies).header(ORIGIN, "http://localhost:5173");
        assert_eq!(listed.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        let fetched =
            app.post("/auth/refresh").header(COOKIE, &cookies).header("sec-fetch-site", "same-origin");
        assert_eq!(fetched.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
}

/// B21
#[tokio::test]
async fn nobody_is_logged_in_from_elsewhere() {
    for app in both().await {
        app.register("alice").await;
        for origin in ["https://evil.example", "null"] {
            let response = login(&app).header(ORIGIN, origin).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}");
            assert!(set_cookies(&response).is_empty());
        }
        let body = json!({ "username": "alice", "password": PASSWORD }).to_string();
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
            let request = app.post("/auth/login").header(CONTENT_TYPE, kind).body(body.clone());
            assert_eq!(request.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        }
        let wrong = json!({ "username": "alice", "password": "wrong password of some length" });
        let response = app.post("/auth/login").json(&wrong).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(set_cookies(&response).is_empty());
    }
}

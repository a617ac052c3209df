use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;

use crate::helpers::{PASSWORD, TestApp, both, both_with};

const ACCESS: &str = "__Host-access_token";
const REFRESH: &str = "__Secure-refresh_token";

/// The cookies that a response sets, each as `name=value` and its attributes.
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
async fn login_sets_two_http_only_cookies() {
    for app in both().await {
        app.register("alice").await;
        let response = login(&app).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let cookies = set_cookies(&response);
        assert_eq!(cookies.len(), 3, "and that of the device: device_cookie.rs");
        assert!(cookies[0].0.starts_with("__Host-access_token=ey"));
        assert_eq!(cookies[0].1, "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=900");
        assert!(cookies[1].0.starts_with("__Secure-refresh_token=lkr_"));
        assert_eq!(cookies[1].1, "HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=2592000");
        let cookie = format!("{ACCESS}={}", value(&response, ACCESS));
        let me = app.get("/auth/me").header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(me.status(), StatusCode::OK, "a GET needs no Origin header");
        let me = app.get("/auth/me").header(COOKIE, &cookie).bearer_auth("x").send().await.unwrap();
        assert_eq!(me.status(), StatusCode::UNAUTHORIZED, "with the header, cookies are ignored");
    }
}

#[tokio::test]
async fn without_secure_the_cookie_names_have_no_prefix() {
    for app in both_with(|settings| settings.cookies.secure = Some(false)).await {
        app.register("alice").await;
        let cookies = set_cookies(&login(&app).send().await.unwrap());
        assert!(cookies[0].0.starts_with("access_token=") && cookies[1].0.starts_with("refresh_token="));
        assert!(cookies.iter().all(|(_, rest)| !rest.contains("Secure")));
    }
}

/// Several instances on one host need different cookie names, because cookies do not depend on the port and would
/// overwrite each other.
#[tokio::test]
async fn a_suffix_is_part_of_each_cookie_name() {
    for app in both_with(|settings| settings.cookies.suffix = "-b".to_owned()).await {
        app.register("alice").await;
        let response = login(&app).send().await.unwrap();
        let (access, refresh) = (format!("{ACCESS}-b"), format!("{REFRESH}-b"));
        let pair =
            format!("{access}={}; {refresh}={}", value(&response, &access), value(&response, &refresh));
        let another = format!("{ACCESS}=another; {REFRESH}=another; {pair}");
        let me = app.get("/auth/me").header(COOKIE, &another).send().await.unwrap();
        assert_eq!(me.status(), StatusCode::OK);
        let rotated = app.post("/auth/refresh").header(COOKIE, &another).header(ORIGIN, own(&app));
        assert_eq!(rotated.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        let out = app.post("/auth/logout").header(COOKIE, &another).header(ORIGIN, own(&app)).send().await;
        assert!(is_cleared(&out.unwrap()));
        assert!(!app.is_live(&value(&response, &access)).await);
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
async fn a_cookie_from_a_foreign_origin_is_refused() {
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
        for origin in [None, Some("null")] {
            let request = app.post("/auth/refresh").header(COOKIE, &cookies);
            let request = origin.into_iter().fold(request, |request, origin| request.header(ORIGIN, origin));
            let fetched = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
            assert_eq!(fetched.status(), StatusCode::NO_CONTENT, "{origin:?}");
        }
    }
}

/// B21
#[tokio::test]
async fn a_login_from_a_foreign_origin_is_refused() {
    for app in both().await {
        app.register("alice").await;
        for (origin, site) in [
            ("https://evil.example", None),
            ("https://evil.example", Some("same-origin")),
            // The origin is `null`, but `Sec-Fetch-Site` still tells that the page is from another site.
            ("null", Some("cross-site")),
            ("null", Some("same-site")),
        ] {
            let request = login(&app).header(ORIGIN, origin);
            let request =
                site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin} {site:?}");
            assert!(set_cookies(&response).is_empty());
        }
        let withheld = login(&app).header(ORIGIN, "null").header("sec-fetch-site", "same-origin");
        assert_eq!(withheld.send().await.unwrap().status(), StatusCode::NO_CONTENT);
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

/// A cookie whose name equals ours only after decoding is another cookie. Otherwise the `__Host-` prefix would not
/// protect ours.
#[tokio::test]
async fn cookie_names_are_case_sensitive_and_duplicates_are_refused() {
    for app in both().await {
        app.register("alice").await;
        app.register("mallory").await;
        let victim = login(&app).send().await.unwrap();
        let body = json!({ "username": "mallory", "password": PASSWORD });
        let attacker = app.post("/auth/login").json(&body).send().await.unwrap();
        let (own_access, own_refresh) = (value(&victim, ACCESS), value(&victim, REFRESH));
        let planted = value(&attacker, REFRESH);
        let refresh = |cookie: String| {
            app.post("/auth/refresh").header(COOKIE, cookie).header(ORIGIN, own(&app)).send()
        };
        let twice = format!("{REFRESH}={planted}; {ACCESS}={own_access}; {REFRESH}={own_refresh}");
        let answer = refresh(twice).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let me = format!("{ACCESS}={own_access}; {ACCESS}={own_access}");
        let me = app.get("/auth/me").header(COOKIE, me).send().await.unwrap();
        assert_eq!(me.status(), StatusCode::BAD_REQUEST);
        let encoded =
            format!("%5F%5FSecure-refresh_token={planted}; {ACCESS}={own_access}; {REFRESH}={own_refresh}");
        let answer = refresh(encoded).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let moved = app.me(&value(&answer, ACCESS)).await;
        assert_eq!(moved.json::<serde_json::Value>().await.unwrap()["username"], "alice");
        // The value is not decoded either.
        let (prefix, rest) = planted.split_at(4);
        let encoded = format!("{REFRESH}={}{rest}", prefix.replace('_', "%5F"));
        assert_eq!(refresh(encoded).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}

/// A refresh token that an attacker planted does not move the browser into another session.
#[tokio::test]
async fn a_refresh_is_refused_if_the_access_cookie_names_another_session() {
    for app in both().await {
        app.register("alice").await;
        let (one, two) = (login(&app).send().await.unwrap(), login(&app).send().await.unwrap());
        let mixed = format!("{ACCESS}={}; {REFRESH}={}", value(&one, ACCESS), value(&two, REFRESH));
        let refresh = |cookie: String| {
            app.post("/auth/refresh").header(COOKIE, cookie).header(ORIGIN, own(&app)).send()
        };
        for _ in 0..2 {
            let answer = refresh(mixed.clone()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            assert!(is_cleared(&answer));
            app.clock.advance_ms(1_000_000);
        }
        assert!(app.facts().await.is_empty(), "no session was ended and no token consumed");
        let own_pair = format!("{ACCESS}={}; {REFRESH}={}", value(&two, ACCESS), value(&two, REFRESH));
        assert_eq!(refresh(own_pair).await.unwrap().status(), StatusCode::NO_CONTENT);
        // A cookie that is not signed by the issuer does not name a session.
        let garbage = format!("{ACCESS}=x.y.z; {REFRESH}={}", value(&one, REFRESH));
        assert_eq!(refresh(garbage).await.unwrap().status(), StatusCode::NO_CONTENT);
    }
}

async fn is_over(app: &TestApp, login: &Response) -> bool {
    !app.is_live(&value(login, ACCESS)).await && app.is_refused(&value(login, REFRESH)).await
}

/// ASVS 7.2.4: a new login ends the browser's former sessions.
#[tokio::test]
async fn a_login_ends_the_sessions_that_the_cookies_name() {
    for app in both().await {
        app.register("alice").await;
        app.register("bob").await;
        let body = json!({ "username": "bob", "password": PASSWORD });
        let bob = app.post("/auth/login").json(&body).send().await.unwrap();
        let (old, kept) = (login(&app).send().await.unwrap(), login(&app).send().await.unwrap());
        let cookies = format!("{ACCESS}={}; {REFRESH}={}", value(&bob, ACCESS), value(&old, REFRESH));
        let wrong = json!({ "username": "alice", "password": "not the password of alice" });
        let wrong = app.post("/auth/login").header(COOKIE, &cookies).json(&wrong).send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
        assert!(app.is_live(&value(&old, ACCESS)).await && app.is_live(&value(&bob, ACCESS)).await);
        let new = login(&app).header(COOKIE, &cookies).send().await.unwrap();
        assert_eq!(new.status(), StatusCode::NO_CONTENT);
        assert!(is_over(&app, &bob).await && is_over(&app, &old).await);
        assert!(app.is_live(&value(&new, ACCESS)).await && app.is_live(&value(&kept, ACCESS)).await);
        let rows = app.audit_rows().await.into_iter().filter(|row| row.kind == "session.ended");
        let reasons: Vec<_> = rows.map(|row| row.reason.unwrap()).collect();
        assert_eq!(reasons, ["new_login", "new_login"]);
        // An expired access cookie still names its session. With an `Authorization` header, cookies are ignored.
        app.clock.advance_ms(1_000_000);
        let expired = format!("{ACCESS}={}", value(&kept, ACCESS));
        let by_header = login(&app).header(COOKIE, &expired).bearer_auth("x").send().await.unwrap();
        assert_eq!(by_header.status(), StatusCode::NO_CONTENT);
        assert_eq!(app.facts().await.len(), 2);
        let again = login(&app).header(COOKIE, &expired).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NO_CONTENT);
        assert!(app.is_refused(&value(&kept, REFRESH)).await);
    }
}

#[tokio::test]
async fn a_logout_ends_both_sessions_that_the_cookies_name() {
    for app in both().await {
        app.register("alice").await;
        let (one, two) = (login(&app).send().await.unwrap(), login(&app).send().await.unwrap());
        let mixed = format!("{ACCESS}={}; {REFRESH}={}", value(&one, ACCESS), value(&two, REFRESH));
        let out =
            app.post("/auth/logout").header(COOKIE, &mixed).header(ORIGIN, own(&app)).send().await.unwrap();
        assert_eq!(out.status(), StatusCode::NO_CONTENT);
        assert!(is_cleared(&out));
        assert!(is_over(&app, &one).await && is_over(&app, &two).await);
        // An expired access cookie and a valid refresh cookie of another session: both sessions end.
        let (one, two) = (login(&app).send().await.unwrap(), login(&app).send().await.unwrap());
        app.clock.advance_ms(1_000_000);
        let mixed = format!("{ACCESS}={}; {REFRESH}={}", value(&one, ACCESS), value(&two, REFRESH));
        let out =
            app.post("/auth/logout").header(COOKIE, &mixed).header(ORIGIN, own(&app)).send().await.unwrap();
        assert_eq!(out.status(), StatusCode::NO_CONTENT);
        assert!(app.is_refused(&value(&one, REFRESH)).await && app.is_refused(&value(&two, REFRESH)).await);
    }
}

//! The cookie by which an account knows a device: how it is set, and that it stays.

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::helpers::device::DEVICE;
use crate::helpers::person::{OWN_ORIGIN, Person};
use crate::helpers::{PASSWORD, TestApp, both, both_with};

/// The cookies of this name that a response sets: each value, and its attributes.
fn set_devices(headers: &reqwest::header::HeaderMap, name: &str) -> Vec<(String, String)> {
    let lines = headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let named = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    named.map(|rest| rest.split_once("; ").unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

async fn log_in(app: &TestApp, password: &str) -> Response {
    let body = json!({ "username": "alice", "password": password });
    app.post("/auth/login").json(&body).send().await.unwrap()
}

/// A full good login sets it, on a page and at `/auth/login`, and nothing else does.
#[tokio::test]
async fn a_full_login_sets_the_cookie_with_its_attributes() {
    for app in both().await {
        app.register("alice").await;
        let attributes = "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=15552000";
        let api = log_in(&app, PASSWORD).await;
        let mut alice = Person::new(&app);
        let page = alice.post("/login", &[("username", "alice"), ("password", PASSWORD)]).await;
        let mut values = Vec::new();
        for headers in [api.headers(), &page.headers] {
            let set = set_devices(headers, DEVICE);
            assert_eq!(set.len(), 1);
            assert_eq!(set[0].1, attributes);
            assert!(set[0].0.len() < 1000 && !set[0].0.contains("alice"), "it is sealed");
            values.push(set[0].0.clone());
        }
        assert_ne!(values[0], values[1]);
        let fields = [("username", "alice"), ("password", PASSWORD)];
        for response in [log_in(&app, "wrong").await, app.post_token(&fields).await] {
            assert_eq!(set_devices(response.headers(), DEVICE), []);
        }
        let wrong = alice.post("/login", &[("username", "alice"), ("password", "wrong")]).await;
        assert_eq!(set_devices(&wrong.headers, DEVICE), []);
    }
}

#[tokio::test]
async fn without_secure_cookies_the_name_has_no_prefix_and_the_suffix_is_part_of_it() {
    for app in both_with(|settings| {
        settings.cookies.secure = Some(false);
        settings.cookies.suffix = "-two".to_owned();
    })
    .await
    {
        app.register("alice").await;
        let set = set_devices(log_in(&app, PASSWORD).await.headers(), "device-two");
        assert_eq!(set.len(), 1);
        assert_eq!(set[0].1, "HttpOnly; SameSite=Strict; Path=/; Max-Age=15552000");
    }
}

/// The cookie stays when its user signs out, wherever that is, and is no login by itself.
#[tokio::test]
async fn the_cookie_stays_at_every_sign_out_and_signs_nobody_in() {
    for app in both().await {
        app.register("alice").await;
        let mut alice = Person::new(&app);
        alice.sign_in_bare("alice").await;
        let device = alice.cookies[DEVICE].clone();
        let out = alice.post("/logout", &[]).await;
        assert!(!out.headers.contains_key("clear-site-data"));
        assert!(!alice.cookies.contains_key("__Host-session"), "signed out");
        assert_eq!(alice.cookies[DEVICE], device);
        assert_eq!(alice.open("/account").await.location.as_deref(), Some("/login"));

        alice.sign_in_bare("alice").await;
        let everywhere = [("action", "end_others")];
        alice.post("/account/sessions", &everywhere).await;
        assert!(alice.cookies.contains_key(DEVICE));

        for path in ["/auth/logout", "/auth/logout-all"] {
            let login = log_in(&app, PASSWORD).await;
            let cookies: Vec<_> =
                login.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
            let cookies: Vec<_> = cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
            let request = app.post(path).header(COOKIE, cookies.join("; ")).header(ORIGIN, OWN_ORIGIN);
            let out = request.send().await.unwrap();
            assert_eq!(out.status(), StatusCode::NO_CONTENT, "{path}");
            assert_eq!(set_devices(out.headers(), DEVICE), [], "{path}");
            assert!(!out.headers().contains_key("clear-site-data"), "{path}");
        }
        let alone = app.get("/auth/me").header(COOKIE, format!("{DEVICE}={device}")).send().await.unwrap();
        assert_eq!(alone.status(), StatusCode::UNAUTHORIZED);
    }
}

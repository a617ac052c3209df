//! Tests of an issuer with a path, behind a proxy that removes the path and behind one that keeps it.

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use service_kit::database::Backend;

use crate::helpers::sessions::next_page;
use crate::helpers::{PASSWORD, TestApp, spawn_app};

/// A browser in front of a proxy. It sends cookies by their path, as in RFC 6265 §5.4.
struct Browser<'a> {
    app: &'a TestApp,
    prefix: &'a str,
    strips: bool,
    jar: Vec<(String, String, String)>,
}

impl Browser<'_> {
    /// Sends a request to a path under the prefix.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Response {
        let shown = format!("{}{path}", self.prefix);
        let upstream = if self.strips { path.to_owned() } else { shown.clone() };
        let cookies: Vec<_> = self.jar.iter().filter(|(_, _, path)| matches(&shown, path)).collect();
        let cookies: Vec<_> = cookies.iter().map(|(name, value, _)| format!("{name}={value}")).collect();
        let request = self.app.client.request(method, format!("{}{upstream}", self.app.url));
        let request = request.header(ORIGIN, "http://localhost:8000").header(COOKIE, cookies.join("; "));
        let answer = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = answer.send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            self.keep(line.to_str().unwrap());
        }
        answer
    }

    fn keep(&mut self, line: &str) {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let path = attributes.split("; ").find_map(|attribute| attribute.strip_prefix("Path=")).unwrap();
        self.jar.retain(|(kept, _, at)| (kept.as_str(), at.as_str()) != (name, path));
        if !attributes.contains("Max-Age=0") {
            self.jar.push((name.to_owned(), value.to_owned(), path.to_owned()));
        }
    }
}

fn matches(asked: &str, path: &str) -> bool {
    let rest = asked.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
}

async fn app(prefix: &str) -> TestApp {
    let issuer = format!("http://localhost:8000{prefix}");
    spawn_app(Backend::Sqlite, move |settings| {
        settings.issuer = issuer;
        settings.cookies.secure = None;
    })
    .await
}

#[tokio::test]
async fn a_browser_stays_signed_in() {
    for prefix in ["", "/id", "/a/b", "/auth", "/oauth2"] {
        for strips in [true, false] {
            let app = app(prefix).await;
            let mut browser = Browser { app: &app, prefix, strips, jar: Vec::new() };
            let user = json!({ "username": "alice", "password": PASSWORD });
            let registered = browser.ask(Method::POST, "/auth/register", Some(user.clone())).await;
            assert_eq!(registered.status(), StatusCode::CREATED, "{prefix} {strips}");
            let login = browser.ask(Method::POST, "/auth/login", Some(user)).await;
            assert_eq!(login.status(), StatusCode::NO_CONTENT, "{prefix} {strips}");
            let refresh_path = browser.jar.iter().find(|(name, _, _)| name == "refresh_token");
            assert_eq!(refresh_path.unwrap().2, format!("{prefix}/auth"));
            for _ in 0..2 {
                let me = browser.ask(Method::GET, "/auth/me", None).await;
                assert_eq!(me.json::<Value>().await.unwrap()["username"], "alice", "{prefix} {strips}");
                let refreshed = browser.ask(Method::POST, "/auth/refresh", None).await;
                assert_eq!(refreshed.status(), StatusCode::NO_CONTENT, "{prefix} {strips}");
            }
            let logout = browser.ask(Method::POST, "/auth/logout", None).await;
            assert_eq!(logout.status(), StatusCode::NO_CONTENT, "{prefix} {strips}");
            let left: Vec<_> = browser.jar.iter().map(|(name, _, path)| (&**name, &**path)).collect();
            assert_eq!(left, [("device", "/")], "the device stays known");
            assert_eq!(browser.ask(Method::GET, "/auth/me", None).await.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn every_endpoint_is_found_below_the_path() {
    for prefix in ["/id", "/auth"] {
        let app = app(prefix).await;
        for strips in [true, false] {
            let mut browser = Browser { app: &app, prefix, strips, jar: Vec::new() };
            let document: Value = browser
                .ask(Method::GET, "/.well-known/openid-configuration", None)
                .await
                .json()
                .await
                .unwrap();
            assert_eq!(document["issuer"], format!("http://localhost:8000{prefix}"));
            let keys = document["jwks_uri"].as_str().unwrap().strip_prefix("http://localhost:8000").unwrap();
            let keys = keys.strip_prefix(prefix).unwrap().to_owned();
            let keys: Value = browser.ask(Method::GET, &keys, None).await.json().await.unwrap();
            assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
            for path in ["/.well-known/oauth-authorization-server", "/healthz", "/readyz", "/metrics"] {
                assert_eq!(browser.ask(Method::GET, path, None).await.status(), StatusCode::OK, "{path}");
            }
            let feed = if strips { String::new() } else { prefix.to_owned() };
            let feed = app.get(&format!("{feed}/revocations")).send().await.unwrap();
            assert_eq!(feed.status(), StatusCode::OK);
            for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
                let refused = browser.ask(Method::POST, path, None).await.status();
                assert_eq!(refused, StatusCode::BAD_REQUEST, "{path}");
            }
            // The page, its script, and the document that the script loads. Each address is relative to the previous
            // one.
            let shown = reqwest::Url::parse(&format!("http://localhost:8000{prefix}/docs")).unwrap();
            let page = browser.ask(Method::GET, "/docs", None).await.text().await.unwrap();
            let script = page.split('"').find(|part| part.ends_with("start.js")).unwrap();
            let script = shown.join(script).unwrap();
            for address in [script.clone(), script.join("../openapi.json").unwrap()] {
                let path = address.path().strip_prefix(prefix).expect("below the issuer").to_owned();
                assert_eq!(browser.ask(Method::GET, &path, None).await.status(), StatusCode::OK, "{path}");
            }
            let document: Value = browser.ask(Method::GET, "/openapi.json", None).await.json().await.unwrap();
            assert_eq!(document["servers"][0]["url"], prefix);
            let flows = &document["components"]["securitySchemes"]["password"]["flows"];
            assert_eq!(flows["password"]["tokenUrl"], format!("{prefix}/auth/token"));
        }
        // RFC 8414 §3.1: the well-known path comes first, at the root of the host, and the issuer's path last.
        for name in ["oauth-authorization-server", "openid-configuration"] {
            let found = app.get(&format!("/.well-known/{name}{prefix}")).send().await.unwrap();
            assert_eq!(found.status(), StatusCode::OK, "{name}");
            let other = app.get(&format!("/.well-known/{name}{prefix}x")).send().await.unwrap();
            assert_eq!(other.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}

/// The link to the next page of sessions has a path that browsers can reach.
#[tokio::test]
async fn the_next_page_of_sessions_is_below_the_path() {
    let app = app("/id").await;
    let mut browser = Browser { app: &app, prefix: "/id", strips: true, jar: Vec::new() };
    let tokens = app.user("alice").await;
    app.add_sessions(&tokens, 2).await;
    let user = json!({ "username": "alice", "password": PASSWORD });
    browser.ask(Method::POST, "/auth/login", Some(user)).await;
    let (mut path, mut count) = ("/auth/sessions?limit=2".to_owned(), 0);
    for has_next in [true, false] {
        let page = browser.ask(Method::GET, &path, None).await;
        assert_eq!(page.status(), StatusCode::OK);
        let next = next_page(&page);
        assert_eq!(next.is_some(), has_next);
        count += page.json::<Vec<Value>>().await.unwrap().len();
        path = next.map(|next| next.strip_prefix("/id").unwrap().to_owned()).unwrap_or_default();
    }
    assert_eq!(count, 4);
}

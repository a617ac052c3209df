//! The service under a base path, behind a proxy that removes the path and behind one that keeps it.

use reqwest::{Method, Url};
use serde_json::json;

use crate::helpers::{ADA, BOTH, TestApp, TestResponse, spawn_app_with};

/// The service as its callers see it: `https://example.com/api/…`.
struct Proxied<'a> {
    app: &'a TestApp,
    strips: bool,
}

impl Proxied<'_> {
    async fn ask(&self, method: Method, address: &Url, body: Option<serde_json::Value>) -> TestResponse {
        let path = address.path();
        let path = if self.strips { path.strip_prefix("/api").expect("the base path") } else { path };
        let query = address.query().map(|query| format!("?{query}")).unwrap_or_default();
        let request = self.app.request(method, &format!("{path}{query}"), Some(&self.app.token(ADA)));
        TestResponse::of(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }
}

#[actix_web::test]
async fn urls_in_responses_are_below_the_base_path() {
    let app = spawn_app_with(BOTH[0], |settings| settings.base_path = "/api".to_owned()).await;
    for strips in [true, false] {
        let proxied = Proxied { app: &app, strips };
        let list = Url::parse("https://example.com/api/todos/?limit=1").unwrap();
        for title in ["one", "two"] {
            let made = proxied.ask(Method::POST, &list, Some(json!({ "title": title }))).await;
            assert_eq!(made.status, 201, "{made:?}");
            let location = list.join(made.header("location").unwrap()).unwrap();
            assert_eq!(proxied.ask(Method::GET, &location, None).await.json()["title"], title);
        }
        let first = proxied.ask(Method::GET, &list, None).await;
        let link = first.header("link").unwrap();
        let (next, _) = link.strip_prefix('<').and_then(|rest| rest.split_once('>')).unwrap();
        let second = proxied.ask(Method::GET, &list.join(next).unwrap(), None).await;
        assert_eq!(second.json()[0]["title"], "one");

        let docs = Url::parse("https://example.com/api/docs").unwrap();
        let page = proxied.ask(Method::GET, &docs, None).await;
        let script = page.body.split('"').find(|part| part.ends_with("start.js")).unwrap();
        let script = docs.join(script).unwrap();
        assert_eq!(proxied.ask(Method::GET, &script, None).await.status, 200);
        // The URL that the script requests, relative to its own.
        let document = proxied.ask(Method::GET, &script.join("../openapi.json").unwrap(), None).await;
        assert_eq!(document.json()["servers"][0]["url"], "/api");
        for path in ["/healthz", "/readyz", "/metrics", "/whoami"] {
            let address = Url::parse(&format!("https://example.com/api{path}")).unwrap();
            assert_eq!(proxied.ask(Method::GET, &address, None).await.status, 200, "{path}");
        }
    }
}

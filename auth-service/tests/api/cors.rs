//! Tests which scripts may read which responses: CONTRACT §5. What applies to every response is tested in
//! `service-kit/tests/http/cors.rs`.

use auth_service::domain::{Client, RedirectUri};
use reqwest::header::{HeaderMap, ORIGIN, VARY};
use reqwest::{Method, Response};

use crate::helpers::clients::{client, public_client};
use crate::helpers::{PASSWORD, TestApp, both};

const LISTED: &str = "http://localhost:5173";
const CLIENT: &str = "https://spa.example";
const STRANGER: &str = "https://evil.example";
/// The headers that a front end with tracing sends.
const TRACING: &str = "authorization,baggage,content-type,sentry-trace,traceparent";

async fn preflight(app: &TestApp, path: &str, origin: &str, method: &str) -> Response {
    let request = app.request(Method::OPTIONS, path).header(ORIGIN, origin);
    let request = request.header("access-control-request-method", method);
    request.header("access-control-request-headers", TRACING).send().await.unwrap()
}

/// The origin that may read a response, and whether with credentials.
fn reader(headers: &HeaderMap) -> Option<(&str, bool)> {
    let origin = headers.get("access-control-allow-origin")?.to_str().unwrap();
    Some((origin, headers.get("access-control-allow-credentials").is_some_and(|value| value == "true")))
}

fn redirecting_to(client: Client, uris: &[&str]) -> Client {
    Client { redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(), ..client }
}

#[tokio::test]
async fn a_listed_front_end_with_tracing_can_log_in() {
    for app in both().await {
        app.register("alice").await;
        for (path, methods) in [
            ("/auth/token", "POST, OPTIONS"),
            ("/auth/login", "POST, OPTIONS"),
            ("/auth/sessions", "GET, HEAD, DELETE, OPTIONS"),
            ("/oauth2/token", "POST, OPTIONS"),
        ] {
            let asked = preflight(&app, path, LISTED, "POST").await;
            assert!(asked.status().is_success(), "{path}");
            assert_eq!(reader(asked.headers()), Some((LISTED, true)), "{path}");
            assert_eq!(asked.headers()["access-control-allow-headers"], TRACING);
            assert_eq!(asked.headers()["access-control-allow-methods"], methods);
        }
        let form = [("username", "alice"), ("password", PASSWORD)];
        let request = app.post("/auth/token").form(&form).header(ORIGIN, LISTED);
        let traced = request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let answer = traced.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), reader(answer.headers())), (200, Some((LISTED, true))));
    }
}

#[tokio::test]
async fn discovery_and_key_set_allow_every_origin() {
    let [app, _] = both().await;
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        for origin in [LISTED, STRANGER, "null"] {
            let asked = preflight(&app, path, origin, "GET").await;
            assert!(asked.status().is_success(), "{path} {origin}");
            assert_eq!(asked.headers()["access-control-allow-headers"], TRACING);
            let read = app.get(path).header(ORIGIN, origin).send().await.unwrap();
            let wrong = app.post(path).header(ORIGIN, origin).send().await.unwrap();
            let etag = read.headers().get("etag").cloned();
            for answer in [&asked, &read, &wrong] {
                assert_eq!(reader(answer.headers()), Some(("*", false)), "{path} {origin}");
                assert_ne!(answer.headers().get(VARY).map(|vary| vary == "origin"), Some(true));
            }
            if let Some(etag) = etag {
                let request = app.get(path).header(ORIGIN, origin).header("if-none-match", etag);
                let unchanged = request.send().await.unwrap();
                assert_eq!(
                    (unchanged.status().as_u16(), reader(unchanged.headers())),
                    (304, Some(("*", false)))
                );
            }
        }
    }
}

#[tokio::test]
async fn token_and_revocation_allow_the_origins_of_public_clients_also_for_errors() {
    for app in both().await {
        let native = ["http://127.0.0.1/cb", "com.example.app:/cb"];
        app.add_client(redirecting_to(public_client("spa"), &["https://spa.example/cb?a=1"])).await;
        app.add_client(redirecting_to(public_client("native"), &native)).await;
        app.add_client(redirecting_to(client("server"), &["https://server.example/cb"])).await;
        for path in ["/oauth2/token", "/oauth2/revoke"] {
            for (origin, expected) in [
                (CLIENT, Some((CLIENT, false))),
                ("http://127.0.0.1:50123", Some(("http://127.0.0.1:50123", false))),
                (LISTED, Some((LISTED, true))),
                (STRANGER, None),
                ("https://spa.example:8443", None),
                ("http://spa.example", None),
                ("https://server.example", None),
                ("com.example.app://", None),
                ("null", None),
            ] {
                let asked = preflight(&app, path, origin, "POST").await;
                let refused = app.post(path).form(&[("client_id", "spa")]).header(ORIGIN, origin);
                let other_method = app.get(path).header(ORIGIN, origin);
                let (refused, other_method) =
                    (refused.send().await.unwrap(), other_method.send().await.unwrap());
                assert_eq!((refused.status().as_u16(), other_method.status().as_u16()), (400, 405));
                for answer in [asked, refused, other_method] {
                    assert_eq!(reader(answer.headers()), expected, "{path} {origin}");
                    assert!(answer.headers()[VARY].to_str().unwrap().contains("origin"));
                }
            }
        }
        // On other endpoints this origin is not allowed.
        for path in ["/oauth2/introspect", "/auth/token", "/auth/me"] {
            let answer = app.post(path).header(ORIGIN, CLIENT).send().await.unwrap();
            assert_eq!(reader(answer.headers()), None, "{path}");
        }
        // A change in the registry takes effect as fast as it does for tokens.
        app.change_client("spa", |client| client.redirect_uris.clear()).await;
        assert_eq!(reader(preflight(&app, "/oauth2/token", CLIENT, "POST").await.headers()), None);
    }
}

use reqwest::StatusCode;
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, ETAG, IF_NONE_MATCH, ORIGIN};
use serde_json::Value;
use shared_claims::claims::Claims;
use shared_claims::verifier::Verifier;

use crate::helpers::{both, both_with};

#[tokio::test]
async fn the_key_set_is_public_and_cacheable() {
    for app in both().await {
        let response = app
            .get("/.well-known/jwks.json")
            .header(ORIGIN, "https://anywhere.example")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=300");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let etag = response.headers()[ETAG].to_str().unwrap().to_owned();
        let set: Value = response.json().await.unwrap();
        let keys = set["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        let mut members: Vec<_> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"], "nothing private");
        for known in [&etag, &format!("W/{etag}"), &format!("\"x\", {etag}"), "*"] {
            let request = app.get("/.well-known/jwks.json").header(IF_NONE_MATCH, known);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(response.headers()[ETAG], etag);
            assert_eq!(response.text().await.unwrap(), "");
        }
        let request = app.get("/.well-known/jwks.json").header(IF_NONE_MATCH, "\"other\"");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn discovery_lists_what_works() {
    for app in both().await {
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            let response = app.get(path).send().await.unwrap();
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
            let document: Value = response.json().await.unwrap();
            insta::assert_json_snapshot!("discovery", document);
        }
    }
}

/// Does what a resource server does: discovery, key set, verification. The issuer's address must be known before the
/// service has a port.
#[tokio::test]
async fn a_resource_server_verifies_what_was_issued() {
    for app in both_with(|settings| settings.keys.rsa_bits = 3072).await {
        let tokens = app.user("alice").await;
        let verifier = Verifier::builder("http://localhost:8000")
            .audience("todo-service")
            .jwks_url(format!("{}/.well-known/jwks.json", app.url))
            .without_revocation()
            .clock(app.clock.clone())
            .build()
            .await
            .unwrap();
        let claims: Claims = verifier.verify(&tokens.access).await.unwrap().into_claims();
        assert_eq!(claims.username.as_deref(), Some("alice"));
        assert!(verifier.verify(&tokens.refresh).await.is_err());
    }
}

#[tokio::test]
async fn the_document_names_every_endpoint_and_the_password_flow() {
    let [app, _] = both().await;
    let document: Value = app.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["password"]["flows"]["password"]["tokenUrl"], "/auth/token");
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    for path in [
        "/auth/register",
        "/auth/token",
        "/auth/login",
        "/auth/refresh",
        "/auth/logout",
        "/auth/logout-all",
        "/auth/me",
        "/auth/sessions",
        "/auth/sessions/{sid}",
        "/auth/applications",
        "/auth/applications/{client_id}",
        "/oauth2/token",
        "/oauth2/revoke",
        "/oauth2/introspect",
        "/.well-known/jwks.json",
        "/revocations",
    ] {
        assert!(paths.contains(&path), "{path}");
    }
    let page = app.get("/docs").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let ready: Value = app.get("/readyz").send().await.unwrap().json().await.unwrap();
    assert_eq!(ready["status"], "ready");
}

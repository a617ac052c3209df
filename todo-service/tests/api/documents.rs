//! `/openapi.json` and `/docs`.

use serde_json::Value;

use crate::helpers::{BOTH, spawn_app};

#[actix_web::test]
async fn the_document_shows_every_endpoint_and_the_password_flow() {
    let app = spawn_app(BOTH[0]).await;
    let response = app.get("/openapi.json", None).await;
    assert_eq!(response.status, 200);
    let document = response.json();
    for (path, methods) in [
        ("/todos/", vec!["get", "post"]),
        ("/todos/{id}", vec!["delete", "get", "put"]),
        ("/whoami", vec!["get"]),
    ] {
        let mut found: Vec<&str> =
            document["paths"][path].as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, methods, "{path}");
    }
    let flow = &document["components"]["securitySchemes"]["password"]["flows"]["password"];
    assert_eq!(flow["tokenUrl"], format!("{}/auth/token", app.issuer.url()));
    assert!(flow["scopes"]["todos:read"].is_string() && flow["scopes"]["todos:write"].is_string());
    assert!(has_no_broken_reference(&document, &document));
}

fn has_no_broken_reference(document: &Value, part: &Value) -> bool {
    match part {
        Value::Object(members) => members.iter().all(|(name, value)| match value {
            Value::String(place) if name == "$ref" => {
                document.pointer(place.trim_start_matches('#')).is_some()
            }
            value => has_no_broken_reference(document, value),
        }),
        Value::Array(items) => items.iter().all(|item| has_no_broken_reference(document, item)),
        _ => true,
    }
}

#[actix_web::test]
async fn the_page_may_request_a_token_from_the_issuer() {
    let app = spawn_app(BOTH[0]).await;
    for path in ["/docs", "/docs/"] {
        let page = app.get(path, None).await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains(&format!("connect-src 'self' {}", app.issuer.url())), "{policy}");
    }
}

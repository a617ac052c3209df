//! Headers that every answer carries, and those that depend on who asks.

use service_kit::health::Health;

use crate::wire::request;
use crate::{Answer, get, start, start_with};

fn assert_secure(answer: &Answer) {
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[test]
fn every_answer_is_secured_errors_included() {
    let service = start();
    for (method, path) in [
        ("GET", "/notes"),
        ("HEAD", "/notes"),
        ("OPTIONS", "/notes"),
        ("GET", "/nothing"),
        ("DELETE", "/notes"),
        ("TRACE", "/notes"),
        ("GET", "/panic"),
        ("GET", "/fails"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/page?limit=x"),
    ] {
        assert_secure(&request(service.address, method, path, &[]));
    }
}

#[test]
fn what_a_handler_set_stands() {
    let service = start();
    let answer = get(service.address, "/own");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'self'"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_request_id_is_taken_over_or_made() {
    let service = start();
    let answer = request(service.address, "GET", "/who", &["X-Request-Id: abc-1"]);
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    assert_eq!(answer.body, "127.0.0.1 abc-1");
    let made = request(service.address, "GET", "/who", &["X-Request-Id: a b\"c"]);
    let id = made.header("x-request-id").unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok());
    assert!(made.body.ends_with(id));
    let others = get(service.address, "/who");
    assert_ne!(others.header("x-request-id").unwrap(), id);
}

#[test]
fn a_forwarded_address_counts_from_a_trusted_proxy_only() {
    let forwarded = &["X-Forwarded-For: 198.51.100.7"];
    let service = start();
    assert!(request(service.address, "GET", "/who", forwarded).body.starts_with("127.0.0.1 "));
    drop(service);
    let service =
        start_with(|http, _| http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()], Health::new());
    assert!(request(service.address, "GET", "/who", forwarded).body.starts_with("198.51.100.7 "));
}

#[test]
fn scripts_of_listed_origins_may_read_and_of_no_others() {
    let service = start();
    let listed = request(service.address, "GET", "/notes", &["Origin: http://localhost:5173"]);
    assert_eq!(listed.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(listed.header("access-control-allow-credentials"), Some("true"));
    let exposed = listed.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in ["link", "location", "x-request-id", "www-authenticate", "retry-after"] {
        assert!(exposed.split(", ").any(|header| header == name), "{name} in {exposed}");
    }
    for origin in
        ["http://localhost:5174", "null", "https://localhost:5173", "http://localhost:5173.evil.example"]
    {
        let other = request(service.address, "GET", "/notes", &[&format!("Origin: {origin}")]);
        assert_eq!(other.status, 200);
        assert_eq!(other.header("access-control-allow-origin"), None, "{origin}");
    }
    let error = request(service.address, "GET", "/nothing", &["Origin: http://localhost:5173"]);
    error.problem(404);
    assert_eq!(error.header("access-control-allow-origin"), Some("http://localhost:5173"));
}

#[test]
fn a_preflight_is_answered_for_listed_origins() {
    let service = start();
    let preflight = |origin: &str| {
        let headers = [
            &format!("Origin: {origin}"),
            "Access-Control-Request-Method: DELETE",
            "Access-Control-Request-Headers: authorization, content-type, x-requested-with",
        ];
        request(service.address, "OPTIONS", "/notes", &headers)
    };
    let listed = preflight("http://127.0.0.1:8080");
    assert_eq!(listed.status, 200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("http://127.0.0.1:8080"));
    assert!(listed.header("access-control-allow-methods").unwrap().contains("DELETE"));
    let headers = listed.header("access-control-allow-headers").unwrap().to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type"));
    assert!(listed.header("access-control-max-age").is_some());
    let other = preflight("https://evil.example");
    other.problem(400);
    assert_eq!(other.header("access-control-allow-origin"), None);
}

//! Which scripts may read the responses: every rule of the contract, for errors and preflights too.

use service_kit::health::HealthChecks;

use crate::wire::request;
use crate::{Running, TestResponse, start, start_with};

const LISTED: &str = "http://localhost:5173";
const OTHERS: [&str; 5] = [
    "http://localhost:5174",
    "null",
    "https://localhost:5173",
    "http://localhost:5173.evil.example",
    "https://client.example",
];
/// The headers that a front end with tracing sends.
const TRACING: &str = "authorization,baggage,content-type,sentry-trace,traceparent";

fn get(service: &Running, path: &str, origin: &str) -> TestResponse {
    request(service.address, "GET", path, &[&format!("Origin: {origin}")])
}

fn preflight(service: &Running, path: &str, origin: &str, method: &str, headers: &str) -> TestResponse {
    let lines = [
        &format!("Origin: {origin}"),
        &format!("Access-Control-Request-Method: {method}"),
        &format!("Access-Control-Request-Headers: {headers}"),
    ];
    request(service.address, "OPTIONS", path, &lines.map(String::as_str))
}

/// Asserts that the response may be read with credentials.
#[track_caller]
fn assert_listed(response: &TestResponse) {
    assert_eq!(response.header("access-control-allow-origin"), Some(LISTED), "{response:?}");
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"), "{response:?}");
    assert!(varies_by_origin(response), "{response:?}");
}

#[track_caller]
fn assert_unreadable(response: &TestResponse) {
    let named: Vec<_> =
        response.headers.iter().filter(|(name, _)| name.starts_with("access-control-")).collect();
    assert!(named.is_empty(), "{named:?}");
}

fn varies_by_origin(response: &TestResponse) -> bool {
    let lines = response.headers.iter().filter(|(name, _)| name == "vary");
    lines.flat_map(|(_, value)| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

#[test]
fn listed_origins_may_read_every_response_with_credentials() {
    let service = start_with(|http, _| http.request_timeout_seconds = 1, HealthChecks::new());
    for (path, status) in [
        ("/notes", 200),
        ("/nothing", 404),
        ("/%6eotes", 404),
        ("/login", 405),
        ("/panic", 500),
        ("/fails", 500),
        ("/page?limit=x", 422),
        ("/slow/60000", 503),
        ("/news/", 503),
    ] {
        let response = get(&service, path, LISTED);
        assert_eq!(response.status, status, "{path}");
        assert_listed(&response);
        let exposed = response.header("access-control-expose-headers").unwrap();
        for name in ["link", "location", "x-request-id", "www-authenticate", "retry-after"] {
            assert!(exposed.split(", ").any(|header| header == name), "{name} in {exposed}");
        }
    }
    let large = format!("{{\"title\":\"{}\"}}", "a".repeat(70_000));
    let headers = format!(
        "POST /notes HTTP/1.1\r\nHost: h\r\nOrigin: {LISTED}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        large.len()
    );
    let response = crate::send(service.address, format!("{headers}{large}"));
    response.problem(413);
    assert_listed(&response);
}

#[test]
fn other_origins_get_a_response_that_they_may_not_read() {
    let service = start();
    for origin in OTHERS {
        let response = get(&service, "/notes", origin);
        assert_eq!((response.status, response.body.as_str()), (200, "all"), "{origin}");
        assert_unreadable(&response);
        assert!(varies_by_origin(&response), "a cache must not give it to a listed one");
        let asked = preflight(&service, "/notes", origin, "POST", TRACING);
        assert_eq!(asked.status, 204, "{origin}");
        assert_unreadable(&asked);
        assert!(varies_by_origin(&asked));
    }
    let without = request(service.address, "GET", "/notes", &[]);
    assert_unreadable(&without);
    assert!(varies_by_origin(&without), "a cache must not give it to a listed one");
}

#[test]
fn a_preflight_allows_the_requested_headers_and_the_methods_of_the_path() {
    let service = start();
    for (path, methods) in [
        ("/notes", "GET, HEAD, POST, OPTIONS"),
        ("/notes/", "GET, HEAD, POST, OPTIONS"),
        ("/notes/0190163d-8694-739b-aea5-966c26f8ad91", "GET, HEAD, DELETE, OPTIONS"),
    ] {
        let response = preflight(&service, path, LISTED, "POST", TRACING);
        assert_eq!((response.status, response.body.as_str()), (204, ""), "{response:?}");
        assert_listed(&response);
        assert_eq!(response.header("access-control-allow-headers"), Some(TRACING));
        assert_eq!(response.header("access-control-allow-methods"), Some(methods));
        assert_eq!(response.header("access-control-max-age"), Some("600"));
        let vary = response.header("vary").unwrap();
        for name in ["origin", "access-control-request-method", "access-control-request-headers"] {
            assert!(vary.contains(name), "{vary}");
        }
    }
    // The script can read the 404, so that its author does not look for a mistake in CORS.
    let response = preflight(&service, "/nothing", LISTED, "PUT", "x-any");
    assert_eq!((response.status, response.body.as_str()), (204, ""));
    assert_eq!(response.header("content-type"), None);
    assert_listed(&response);
    assert_eq!(response.header("access-control-allow-methods"), Some("PUT"));
    // Only header names are repeated in the response.
    for odd in ["x: y", "\"x\"", "x;y", "x(y)"] {
        assert_eq!(
            preflight(&service, "/notes", LISTED, "GET", odd).header("access-control-allow-headers"),
            None,
            "{odd}"
        );
    }
    // OPTIONS without `Access-Control-Request-Method` is not a preflight.
    let response = request(service.address, "OPTIONS", "/notes", &[&format!("Origin: {LISTED}")]);
    assert_listed(&response);
    assert_eq!(response.header("access-control-allow-methods"), None);
}

#[test]
fn a_public_resource_may_be_read_by_any_origin_without_credentials() {
    let service = start();
    for origin in OTHERS.into_iter().chain([LISTED]) {
        for response in [
            get(&service, "/public", origin),
            request(service.address, "DELETE", "/public", &[&format!("Origin: {origin}")]),
        ] {
            assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{response:?}");
            assert_eq!(response.header("access-control-allow-credentials"), None);
            assert_eq!(response.header("vary"), None, "it is the same for everybody");
        }
        let asked = preflight(&service, "/public", origin, "GET", TRACING);
        assert_eq!(asked.status, 204);
        assert_eq!(asked.header("access-control-allow-origin"), Some("*"));
        assert_eq!(asked.header("access-control-allow-headers"), Some(TRACING));
        assert_eq!(asked.header("access-control-allow-methods"), Some("GET, HEAD, POST, OPTIONS"));
        assert_eq!(asked.header("access-control-allow-credentials"), None);
    }
    let without = request(service.address, "GET", "/public", &[]);
    assert_eq!(without.header("access-control-allow-origin"), Some("*"), "a cache may keep it for all");
}

#[test]
fn a_page_may_not_be_read_by_any_origin() {
    let service = start();
    for origin in OTHERS.into_iter().chain([LISTED]) {
        for response in [
            get(&service, "/page-of-ours", origin),
            request(service.address, "DELETE", "/page-of-ours", &[&format!("Origin: {origin}")]),
            preflight(&service, "/page-of-ours", origin, "POST", TRACING),
            get(&service, "/docs", origin),
        ] {
            assert_unreadable(&response);
            assert_eq!(response.header("vary"), None, "{response:?}");
        }
    }
}

#[test]
fn origins_that_the_check_of_a_resource_accepts_may_read_it_without_credentials() {
    let service = start();
    let known = "https://client.example";
    for response in [
        get(&service, "/for-clients", known),
        request(service.address, "DELETE", "/for-clients", &[&format!("Origin: {known}")]),
        preflight(&service, "/for-clients", known, "POST", TRACING),
    ] {
        assert_eq!(response.header("access-control-allow-origin"), Some(known), "{response:?}");
        assert_eq!(response.header("access-control-allow-credentials"), None);
        assert!(varies_by_origin(&response));
    }
    assert_listed(&get(&service, "/for-clients", LISTED));
    assert_unreadable(&get(&service, "/for-clients", "https://other.example"));
    assert_unreadable(&get(&service, "/notes", known));
}

#[test]
fn a_check_of_an_origin_that_hangs_has_a_time_limit() {
    let service = start();
    let response = get(&service, "/unanswered", "https://client.example");
    assert_eq!((response.status, response.body.as_str()), (200, "answered"));
    assert_unreadable(&response);
}

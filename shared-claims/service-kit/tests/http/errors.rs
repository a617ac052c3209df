//! Every error response is a problem and reveals nothing that it should not.

use service_kit::health::HealthChecks;

use crate::wire::request;
use crate::{get, send, start, start_with};

#[test]
fn an_unknown_route_is_404() {
    let service = start();
    assert_eq!(get(service.address, "/nothing").problem(404), "Not found");
    get(service.address, "/nothing?token=abc").problem(404);
    get(service.address, "/").problem(404);
    get(service.address, "//evil.example/").problem(404);
    get(service.address, "/../../etc/passwd").problem(404);
}

#[test]
fn another_method_is_405_with_allow() {
    let service = start();
    for (method, path, allow) in [
        ("DELETE", "/notes", "GET, HEAD, POST, OPTIONS"),
        ("PUT", "/notes/0190163d-8694-739b-aea5-966c26f8ad91", "GET, HEAD, DELETE, OPTIONS"),
        ("GET", "/login", "POST, OPTIONS"),
        ("BREW", "/login", "POST, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
    ] {
        let response = request(service.address, method, path, &["Content-Length: 0"]);
        assert_eq!(response.problem(405), "Method not allowed");
        assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
    }
    for method in ["TRACE", "CONNECT"] {
        let response = request(service.address, method, "/notes", &["X-Secret: hunter2"]);
        response.problem(405);
        assert!(response.header("allow").is_some() && !response.body.contains("hunter2"));
    }
}

#[test]
fn options_lists_the_methods_and_head_is_handled_like_get() {
    let service = start();
    let response = request(service.address, "OPTIONS", "/notes", &[]);
    assert_eq!((response.status, response.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
    let response = request(service.address, "HEAD", "/notes", &[]);
    assert_eq!(
        (response.status, response.header("content-length"), response.body.as_str()),
        (200, Some("3"), "")
    );
    let response = request(service.address, "HEAD", "/nothing", &[]);
    assert_eq!((response.status, response.body.as_str()), (404, ""));
}

#[test]
fn a_path_is_the_same_with_and_without_the_slash_at_its_end() {
    let service = start();
    for path in ["/notes", "/notes/", "/notes/?limit=1"] {
        assert_eq!(get(service.address, path).body, "all", "{path}");
    }
    assert_eq!(get(service.address, "/page/?limit=3").json()["limit"], 3);
}

/// A path that a proxy blocks cannot be reached with another spelling of it.
#[test]
fn another_spelling_of_a_path_is_404() {
    let service = start();
    assert_eq!(get(service.address, "/metrics").status, 200);
    for path in
        ["//metrics", "/metrics//", "/%6detrics", "/%6Detrics", "/metrics%2f", "/x/../metrics", "/./metrics"]
    {
        get(service.address, path).problem(404);
    }
}

#[test]
fn a_panic_is_500_without_its_message_and_the_service_continues() {
    let service = start();
    for path in ["/panic", "/fails"] {
        let response = get(service.address, path);
        assert_eq!(response.problem(500), "Internal server error");
        assert!(!response.body.contains("hunter2"));
        assert!(response.header("x-request-id").is_some());
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(get(service.address, "/notes").status, 200);
}

#[test]
fn an_error_in_plain_text_becomes_a_problem_without_its_text() {
    let service = start();
    let response = get(service.address, "/teapot");
    response.problem(418);
    assert!(!response.body.contains("hunter2"));
}

#[test]
fn random_bytes_cause_no_5xx_and_do_not_stop_the_service() {
    let service = start_with(|http, _| http.client_timeout_seconds = 1, HealthChecks::new());
    let long = "a".repeat(1_000_000);
    for bytes in [
        b"\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"GET /notes HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"GET /notes HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"GET /\xff HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_vec(),
        b"GET /notes HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET /notes HTTP/1.1\r\nHost: h\r\nX: {long}\r\nConnection: close\r\n\r\n").into_bytes(),
    ] {
        let response = std::panic::catch_unwind(|| send(service.address, &bytes));
        if let Ok(response) = response {
            assert!((400..500).contains(&response.status), "{response:?}");
        }
        assert_eq!(get(service.address, "/notes").status, 200);
    }
}

#[test]
fn a_path_has_one_spelling() {
    let service = start();
    for path in [
        "/metrics",
        "/healthz",
        "/openapi.json",
        "/docs/start.js",
        "/base/metrics",
        "/base/healthz/",
        "/notes/0190163d-8694-739b-aea5-966c26f8ad91",
    ] {
        assert_eq!(get(service.address, path).status, 200, "{path}");
    }
    for path in [
        "/notes/0190163d%2D8694-739b-aea5-966c26f8ad91",
        "//metrics",
        "/metrics//",
        "//metrics/",
        "/%6detrics",
        "/%6Detrics",
        "/metric%73/",
        "/openapi%2ejson",
        "/docs%2Fstart.js",
        "/docs//start.js",
        "/docs/./start.js",
        "/base//metrics",
        "/base/%6detrics",
        "/%62ase/metrics",
        "/base/base/metrics",
        "/basemetrics",
        "/base/nothing",
    ] {
        get(service.address, path).problem(404);
    }
}

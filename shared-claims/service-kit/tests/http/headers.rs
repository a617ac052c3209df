//! Headers of every response, and headers that depend on the client.

use service_kit::health::HealthChecks;
use service_kit::http::HttpSettings;

use crate::wire::request;
use crate::{TestResponse, get, start, start_at, start_with};

fn assert_secure(response: &TestResponse) {
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in expected {
        assert_eq!(response.header(name), Some(value), "{response:?}");
    }
    assert_eq!(
        response.header("strict-transport-security"),
        None,
        "the request came over http: {response:?}"
    );
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[test]
fn every_response_has_the_security_headers_errors_included() {
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
fn headers_that_a_handler_sets_are_kept() {
    let service = start();
    let response = get(service.address, "/own");
    assert_eq!(response.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(response.header("content-security-policy"), Some("default-src 'self'"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn every_request_has_a_unique_id_and_the_response_repeats_the_id_of_the_caller() {
    let service = start();
    let ids = [(); 2].map(|()| {
        let response = request(service.address, "GET", "/who", &["X-Request-Id: abc-1"]);
        assert_eq!(response.header("x-request-id"), Some("abc-1"));
        response.body.strip_prefix("127.0.0.1 ").unwrap().to_owned()
    });
    assert_ne!(ids[0], ids[1], "the service gives each request its own id");
    let made = request(service.address, "GET", "/who", &["X-Request-Id: a b\"c"]);
    let id = made.header("x-request-id").unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok());
    assert!(made.body.ends_with(id));
    let others = get(service.address, "/who");
    assert_ne!(others.header("x-request-id").unwrap(), id);
}

#[test]
fn a_forwarded_address_is_accepted_only_from_a_trusted_proxy() {
    let forwarded = &["X-Forwarded-For: 198.51.100.7"];
    let service = start();
    assert!(request(service.address, "GET", "/who", forwarded).body.starts_with("127.0.0.1 "));
    drop(service);
    let service = start_with(
        |http, _| http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()],
        HealthChecks::new(),
    );
    assert!(request(service.address, "GET", "/who", forwarded).body.starts_with("198.51.100.7 "));
}

type Change<'a> = &'a dyn Fn(&mut HttpSettings);

/// RFC 6797 §7.2: never over http. The public URL decides, or a trusted proxy for its own request.
#[test]
fn strict_transport_security_is_sent_only_over_https() {
    let proxy = |http: &mut HttpSettings| http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let (plain, covering) = ("max-age=31536000", "max-age=31536000; includeSubDomains");
    let no_proxy = |_: &mut HttpSettings| {};
    let covers = |http: &mut HttpSettings| http.hsts_subdomains = true;
    let cases: [(Change<'_>, bool, &[&str], Option<&str>); 10] = [
        (&no_proxy, false, &[], None),
        (&no_proxy, true, &[], Some(plain)),
        (&covers, true, &[], Some(covering)),
        (&covers, false, &[], None),
        // The header of an untrusted peer changes nothing.
        (&no_proxy, false, &["X-Forwarded-Proto: https"], None),
        (&no_proxy, true, &["X-Forwarded-Proto: http"], Some(plain)),
        (&proxy, false, &["X-Forwarded-Proto: https"], Some(plain)),
        (&proxy, true, &["X-Forwarded-Proto: https, http"], None),
        (&proxy, false, &["Forwarded: for=198.51.100.7;proto=https"], Some(plain)),
        (&proxy, true, &[], Some(plain)),
    ];
    for (change, is_https, headers, expected) in cases {
        let service = start_at(is_https, |http, _| change(http), HealthChecks::new());
        for path in ["/notes", "/nothing", "/panic"] {
            let response = request(service.address, "GET", path, headers);
            assert_eq!(
                response.header("strict-transport-security"),
                expected,
                "{is_https} {headers:?} {path}"
            );
        }
    }
}

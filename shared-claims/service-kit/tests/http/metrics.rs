//! `/metrics`, `/healthz`, `/readyz`.

use service_kit::health::{CheckResult, HealthChecks};
use shared_claims::clock::{Clock, SystemClock};

use crate::wire::request;
use crate::{get, start, start_with};

#[test]
fn requests_are_counted_by_route_and_not_by_path() {
    let service = start();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    get(service.address, &format!("/notes/{id}"));
    get(service.address, "/notes/nothing");
    get(service.address, "/made-up-1");
    request(service.address, "BREW", "/made-up-2", &[]);
    let response = get(service.address, "/metrics");
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4"));
    let has = |line: &str| assert!(response.body.lines().any(|l| l == line), "{line} in {}", response.body);
    has(r#"latchkey_http_requests_total{method="GET",route="/notes/{id}",status="2xx"} 1"#);
    has(r#"latchkey_http_requests_total{method="GET",route="/notes/{id}",status="4xx"} 1"#);
    has(r#"latchkey_http_requests_total{method="GET",route="unmatched",status="4xx"} 1"#);
    has(r#"latchkey_http_requests_total{method="other",route="unmatched",status="4xx"} 1"#);
    has(r#"latchkey_http_request_duration_seconds_count{method="GET",route="/notes/{id}"} 2"#);
    has("latchkey_http_requests_in_flight 1");
    let process = |name: &str| {
        let value = response.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} in {}", response.body)).parse::<i64>().unwrap()
    };
    let age = SystemClock.now_seconds() - process("process_start_time_seconds");
    assert!((0..3_600).contains(&age), "the process began {age} s ago");
    assert!(process("process_resident_memory_bytes") > 1_000_000);
    assert!(process("process_open_fds") > 3 && process("process_threads") > 1);
    assert!(
        !response.body.contains("made-up") && !response.body.contains("BREW") && !response.body.contains(id)
    );
}

#[test]
fn metrics_are_served_only_on_their_own_listener_if_they_have_one() {
    let service =
        start_with(|_, metrics| metrics.bind = Some("127.0.0.1:0".parse().unwrap()), HealthChecks::new());
    get(service.address, "/metrics").problem(404);
    let beside = service.metrics_address.unwrap();
    let response = get(beside, "/metrics");
    assert_eq!(response.status, 200);
    assert!(
        response
            .body
            .contains(r#"latchkey_http_requests_total{method="GET",route="unmatched",status="4xx"} 1"#)
    );
    get(beside, "/notes").problem(404);
}

#[test]
fn healthz_is_200() {
    let service = start();
    let response = get(service.address, "/healthz");
    assert_eq!((response.status, response.body.as_str()), (200, r#"{"status":"ok"}"#));
}

#[test]
fn ready_names_each_dependency() {
    let health = |database: fn() -> CheckResult, redis: fn() -> CheckResult| {
        HealthChecks::new()
            .required("database", move || async move { database() })
            .reported("redis", move || async move { redis() })
    };
    for (database, redis, code, status) in [
        (CheckResult::ok as fn() -> CheckResult, CheckResult::ok as fn() -> CheckResult, 200, "ready"),
        (CheckResult::ok, || CheckResult::down("unreachable"), 200, "degraded"),
        (|| CheckResult::degraded("slow"), CheckResult::ok, 200, "degraded"),
        (|| CheckResult::down("unreachable"), CheckResult::ok, 503, "unready"),
    ] {
        let service = start_with(|_, _| {}, health(database, redis));
        let response = get(service.address, "/readyz");
        assert_eq!((response.status, response.json()["status"].as_str()), (code, Some(status)));
        assert!(response.json()["dependencies"]["redis"]["state"].is_string());
        assert_eq!(response.header("retry-after").is_some(), code == 503);
    }
}

#[test]
fn a_check_that_hangs_is_down_and_values_are_shown() {
    let health = HealthChecks::new()
        .required("database", std::future::pending::<CheckResult>)
        .reported("list", || async { CheckResult::ok().with("age_ms", 12) });
    let service = start_with(|_, _| {}, health);
    let response = get(service.address, "/readyz");
    assert_eq!(response.status, 503);
    assert_eq!(response.json()["dependencies"]["database"]["state"], "down");
    assert_eq!(response.json()["dependencies"]["list"]["age_ms"], 12);
}

#[tokio::test]
async fn the_database_is_checked_and_its_pool_is_counted() {
    use service_kit::database::{Database, testing::TestDatabase};
    for test in TestDatabase::both() {
        let database = Database::connect(&test.settings()).await.unwrap();
        let (is_ready, report) = HealthChecks::new().database(&database).run().await;
        assert!(is_ready);
        assert_eq!(report["dependencies"]["database"]["state"], "ok");
        let metrics = service_kit::metrics::Metrics::new().unwrap();
        metrics.watch_database(&database).unwrap();
        let text = service_kit::metrics::render(&metrics).unwrap();
        assert!(text.contains("latchkey_database_connections{state=\"idle\"} "), "{text}");
        assert!(text.contains("latchkey_database_waiting 0"), "{text}");
    }
}

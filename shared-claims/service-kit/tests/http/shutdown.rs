//! Shutdown in order, with slow clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use service_kit::health::HealthChecks;

use crate::wire::parse;
use crate::{Running, get, start, start_with};

fn open(service: &Running, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    stream
}

fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

#[expect(clippy::disallowed_methods, reason = "the test measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn in_flight(service: &Running, count: u32) {
    let line = format!("latchkey_http_requests_in_flight {}", count + 1);
    while !get(service.address, "/metrics").body.contains(&line) {}
}

#[test]
fn running_requests_complete_and_no_new_connections_are_accepted() {
    let mut service = start_with(|http, _| http.shutdown_seconds = 10, HealthChecks::new());
    // An idle connection must not delay the shutdown.
    let mut idle = open(&service, "/notes");
    read_some(&mut idle);
    let mut running = open(&service, "/slow/1000");
    in_flight(&service, 1);
    let began = now();
    let address = service.address;
    let thread = service.stop();
    let response = parse(&read_some(&mut running));
    assert_eq!((response.status, response.body.as_str()), (200, "slept"));
    thread.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "stopped only after {:?}", began.elapsed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_draining_service_is_not_ready_and_still_serves() {
    let mut service = start_with(|http, _| http.drain_seconds = 3, HealthChecks::new());
    let address = service.address;
    assert_eq!(get(address, "/readyz").status, 200);
    let thread = service.stop();
    let body = loop {
        let ready = get(address, "/readyz");
        if ready.status == 503 {
            break ready.body;
        }
    };
    assert!(body.contains(r#""status":"stopping""#), "{body}");
    assert_eq!(get(address, "/notes").status, 200);
    thread.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_handler_that_waits_is_notified_of_the_shutdown() {
    let mut service = start_with(|http, _| http.shutdown_seconds = 10, HealthChecks::new());
    let mut waiting = open(&service, "/news");
    in_flight(&service, 1);
    let began = now();
    let thread = service.stop();
    assert_eq!(parse(&read_some(&mut waiting)).body, "no news");
    thread.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "stopped only after {:?}", began.elapsed());
}

#[test]
fn requests_that_run_too_long_are_closed() {
    let mut service = start();
    let mut running = open(&service, "/slow/30000");
    in_flight(&service, 1);
    let began = now();
    service.stop().join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "stopped only after {:?}", began.elapsed());
    let mut rest = Vec::new();
    let _ = running.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("slept"));
}

#[test]
fn a_client_that_never_completes_its_headers_is_disconnected() {
    let service = start_with(|http, _| http.client_timeout_seconds = 1, HealthChecks::new());
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let began = now();
    write!(stream, "GET /notes HTTP/1.1\r\nHost: h\r\nX: ").unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(began.elapsed() < Duration::from_secs(8), "ended only after {:?}", began.elapsed());
}

#[test]
fn a_body_that_never_ends_is_stopped_by_the_request_timeout() {
    let service = start_with(|http, _| http.request_timeout_seconds = 1, HealthChecks::new());
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        "POST /notes HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let response = parse(&read_some(&mut stream));
    response.problem(503);
    assert_eq!(response.header("retry-after"), Some("1"));
}

#[test]
fn a_handler_that_hangs_is_stopped_by_the_request_timeout() {
    let service = start_with(|http, _| http.request_timeout_seconds = 1, HealthChecks::new());
    get(service.address, "/slow/30000").problem(503);
}

#[test]
fn a_port_in_use_is_reported_with_its_setting() {
    use service_kit::http::HttpSettings;
    use service_kit::metrics::{Metrics, MetricsSettings};
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let service = service_kit::server::Service {
        http: HttpSettings::at(taken.local_addr().unwrap()),
        is_https: false,
        metrics_settings: MetricsSettings::default(),
        metrics: Metrics::new().unwrap(),
        health: HealthChecks::new(),
        api: utoipa::openapi::OpenApi::default(),
        token_origin: None,
        base_path: String::new(),
        gate: service_kit::http::Gate::default(),
        routes: |_: &mut actix_web::web::ServiceConfig| {},
    };
    let Err(error) = service_kit::server::bind(service, None) else { panic!("bound twice") };
    assert!(error.to_string().starts_with("http.bind: cannot listen at 127.0.0.1:"), "{error}");
}

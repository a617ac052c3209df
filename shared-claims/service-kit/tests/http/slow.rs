//! Clients that do not read their response, or do not complete their request.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use service_kit::health::HealthChecks;
use service_kit::http::HttpSettings;

use crate::wire::request;
use crate::{Running, get, start_with};

/// The largest response that needs no account.
const LARGE: &str = "/docs/swagger-ui-bundle.js";

fn start_with_short_limits(change: impl FnOnce(&mut HttpSettings)) -> Running {
    start_with(
        |http, _| {
            http.stalled_seconds = 1;
            http.client_timeout_seconds = 1;
            http.keep_alive_seconds = 1;
            http.request_timeout_seconds = 2;
            change(http);
        },
        HealthChecks::new(),
    )
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn send_requests(stream: &mut TcpStream, path: &str, times: usize) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").repeat(times);
    stream.write_all(request.as_bytes()).unwrap();
}

/// The value of a metric.
fn metric_value(address: SocketAddr, name: &str) -> u64 {
    let page = get(address, "/metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

/// The number of the server's connections that the kernel knows, including those that the process has closed.
#[cfg(target_os = "linux")]
fn known_to_the_kernel(port: u16) -> usize {
    let (listening, time_wait) = ("0A", "06");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let local = format!(":{port:04X}");
    rows.filter(|row| row[1].ends_with(&local) && row[3] != listening && row[3] != time_wait).count()
}

#[expect(clippy::disallowed_methods, reason = "between two looks, or as a slow client")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        pause();
    }
    panic!("not within 30 seconds: {what}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_never_reads_is_disconnected_and_the_kernel_keeps_nothing() {
    let service = start_with_short_limits(|_| {});
    let mut stalled: Vec<_> = (0..20).map(|_| connect(service.address)).collect();
    for stream in &mut stalled {
        send_requests(stream, LARGE, 8);
    }
    // Other clients are served meanwhile.
    assert_eq!(get(service.address, "/notes").status, 200);
    eventually("no connection is left", || known_to_the_kernel(service.address.port()) == 0);
    assert!(metric_value(service.address, "latchkey_http_connections_stalled_total") >= 20);
    assert_eq!(metric_value(service.address, "latchkey_http_connections"), 1, "that of /metrics");
    drop(stalled);
}

#[cfg(target_os = "linux")]
#[test]
fn the_metrics_listener_disconnects_clients_that_never_read() {
    let service = start_with(
        |http, metrics| {
            http.stalled_seconds = 1;
            metrics.bind = Some("127.0.0.1:0".parse().unwrap());
        },
        HealthChecks::new(),
    );
    let metrics = service.metrics_address.unwrap();
    let mut stalled = connect(metrics);
    stalled.set_nonblocking(true).unwrap();
    let asked = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
    // Until the server reads no more: its responses fill both buffers.
    let mut refused = 0;
    eventually("the server's writes are blocked", || match stalled.write(asked.as_bytes()) {
        Ok(_) => {
            refused = 0;
            false
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            refused += 1;
            refused > 10
        }
        Err(_) => true,
    });
    eventually("no connection is left", || known_to_the_kernel(metrics.port()) == 0);
}

#[test]
fn a_client_that_reads_a_few_bytes_at_a_time_is_disconnected() {
    let service = start_with_short_limits(|_| {});
    let mut stream = connect(service.address);
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
    send_requests(&mut stream, LARGE, 8);
    // Enough that the kernel sees progress, but less than a client must read on average.
    let mut taken = 0;
    eventually("the server has closed the connection", || {
        let mut some = [0; 150];
        taken += stream.read(&mut some).unwrap_or_default();
        metric_value(service.address, "latchkey_http_connections") == 1
    });
    assert!(taken < 200_000, "{taken}");
    assert_eq!(metric_value(service.address, "latchkey_http_connections_stalled_total"), 1);
}

#[test]
fn a_client_that_reads_slowly_but_steadily_gets_the_whole_response() {
    let service = start_with_short_limits(|_| {});
    let whole = get(service.address, LARGE).body.len();
    let mut stream = connect(service.address);
    write!(stream, "GET {LARGE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let (mut bytes, mut some) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        pause();
        match stream.read(&mut some).unwrap() {
            0 => break,
            length => bytes.extend_from_slice(&some[..length]),
        }
    }
    assert_eq!(crate::wire::parse(&bytes).body.len(), whole);
}

#[test]
fn a_client_that_does_not_complete_a_second_request_is_disconnected() {
    let service = start_with_short_limits(|_| {});
    let mut stream = connect(service.address);
    send_requests(&mut stream, "/notes", 1);
    let mut some = [0; 4096];
    assert!(stream.read(&mut some).unwrap() > 0);
    stream.write_all(b"G").unwrap();
    // Single bytes now and then make no difference.
    eventually("the server has closed the connection", || {
        let _ = stream.write_all(b"E");
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        match stream.read(&mut some) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    });
}

#[test]
fn the_connections_of_an_address_are_limited() {
    let service = start_with(|http, _| http.max_connections_per_address = 3, HealthChecks::new());
    let mut open: Vec<_> = (0..3).map(|_| connect(service.address)).collect();
    for stream in &mut open {
        send_requests(stream, "/notes", 1);
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    }
    let mut refused = connect(service.address);
    assert!(matches!(refused.read(&mut [0; 1]), Ok(0) | Err(_)));
    drop(open.pop());
    eventually("there is room again", || {
        let mut stream = connect(service.address);
        send_requests(&mut stream, "/notes", 1);
        matches!(stream.read(&mut [0; 4096]), Ok(1..))
    });
    drop(open);
    eventually("the refusals are counted", || {
        let mut stream = connect(service.address);
        send_requests(&mut stream, "/metrics", 1);
        stream.read(&mut [0; 64]).is_ok_and(|length| length > 0)
    });
    assert!(metric_value(service.address, "latchkey_http_connections_refused_total") >= 1);
}

#[test]
fn the_connections_of_a_trusted_proxy_are_not_limited() {
    let service = start_with(
        |http, _| {
            http.max_connections_per_address = 1;
            http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        },
        HealthChecks::new(),
    );
    let mut open: Vec<_> = (0..3).map(|_| connect(service.address)).collect();
    for stream in &mut open {
        send_requests(stream, "/notes", 1);
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    }
    assert_eq!(request(service.address, "GET", "/notes", &[]).status, 200);
}

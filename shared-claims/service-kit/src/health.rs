//! `/healthz`: whether the process runs. `/readyz`: whether it can serve requests, and if not, which dependency is
//! missing. [`request_readiness`] asks a running service, for the health check of a container without `curl`.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::database::{Database, DatabaseError};
use crate::http::resource;

/// A check that takes longer than this counts as down.
const CHECK_TIME_LIMIT: Duration = Duration::from_secs(3);

/// The state of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// The dependency works.
    Ok,
    /// The dependency works with restrictions.
    Degraded,
    /// The dependency does not work.
    Down,
}

/// The result of a check. Everybody may read it, so it contains no addresses and no error messages.
#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    state: CheckState,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    values: Map<String, Value>,
}

impl CheckResult {
    /// The dependency works.
    pub fn ok() -> Self {
        Self { state: CheckState::Ok, detail: None, values: Map::new() }
    }

    /// The dependency works with restrictions, described in a few fixed words.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Degraded, detail: Some(detail.into()), values: Map::new() }
    }

    /// The dependency does not work, described in a few fixed words.
    pub fn down(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Down, detail: Some(detail.into()), values: Map::new() }
    }

    /// Adds a value such as an age or a size.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }
}

type Run = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = CheckResult> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Check {
    name: &'static str,
    is_required: bool,
    run: Run,
}

/// The checks of `/readyz`.
#[derive(Clone, Default)]
pub struct HealthChecks {
    checks: Vec<Check>,
}

impl HealthChecks {
    /// No checks: the service is always ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency without which the service cannot serve. If it is down, the response is 503.
    #[must_use]
    pub fn required<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
    {
        self.add(name, true, check)
    }

    /// Adds a dependency that is only reported. If it is down, the service is `degraded`.
    #[must_use]
    pub fn reported<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
    {
        self.add(name, false, check)
    }

    /// Adds the database as a required dependency.
    #[must_use]
    pub fn database(self, database: &Database) -> Self {
        let database = database.clone();
        self.required("database", move || {
            let database = database.clone();
            async move {
                match database.ping().await {
                    Ok(()) => CheckResult::ok(),
                    Err(DatabaseError::Overloaded) => CheckResult::degraded("overloaded"),
                    Err(DatabaseError::DiskFull(_)) => CheckResult::down("disk full"),
                    Err(DatabaseError::Standby) => CheckResult::down("a standby, which cannot be written"),
                    Err(_) => CheckResult::down("unreachable"),
                }
            }
        })
    }

    fn add<F, Fut>(mut self, name: &'static str, is_required: bool, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
    {
        self.checks.push(Check { name, is_required, run: Arc::new(move || Box::pin(check())) });
        self
    }

    /// Runs all checks at once. Returns `false` if a required dependency is down.
    pub async fn run(&self) -> (bool, Value) {
        let results = join_all(self.checks.iter().map(|check| async move {
            let result = tokio::time::timeout(CHECK_TIME_LIMIT, (check.run)()).await;
            result.unwrap_or_else(|_| CheckResult::down("does not response"))
        }))
        .await;
        let mut dependencies = Map::new();
        let (mut is_ready, mut all_ok) = (true, true);
        for (check, result) in self.checks.iter().zip(results) {
            is_ready &= !(check.is_required && result.state == CheckState::Down);
            all_ok &= result.state == CheckState::Ok;
            dependencies.insert(check.name.to_owned(), json!(result));
        }
        let status = match (is_ready, all_ok) {
            (false, _) => "unready",
            (true, false) => "degraded",
            (true, true) => "ready",
        };
        (is_ready, json!({ "status": status, "dependencies": dependencies }))
    }
}

/// Registers `/healthz` and `/readyz`.
pub fn configure(config: &mut ServiceConfig, health: &HealthChecks) {
    config
        .app_data(web::Data::new(health.clone()))
        .service(resource("/healthz").get(alive))
        .service(resource("/readyz").get(ready));
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn alive() -> impl Responder {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(r#"{"status":"ok"}"#)
}

async fn ready(health: web::Data<HealthChecks>) -> impl Responder {
    let (is_ready, report) = health.run().await;
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !is_ready {
        response.insert_header(("Retry-After", "1"));
    }
    response.json(report)
}

/// The time limit of the whole check, so that a service that sends single bytes cannot delay it.
const REQUEST_TIME_LIMIT: Duration = Duration::from_secs(4);

/// Longer than any response of `/readyz`.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;

/// Requests `/readyz` of the service that listens on `bind` on this machine. Returns an error unless the response is
/// 200.
pub fn request_readiness(bind: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + REQUEST_TIME_LIMIT;
    let response = exchange(connect(bind)?, deadline)?;
    if response.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&response);
    let body = text.split_once("\r\n\r\n").map_or("no response", |(_, body)| body.trim());
    Err(io::Error::other(format!("not ready: {body}")))
}

/// Connects to the service. A service that listens on all addresses is reached on a loopback address. One that listens
/// on `[::]` also accepts IPv4, which is the only way to reach it in a container without IPv6.
fn connect(bind: SocketAddr) -> io::Result<TcpStream> {
    let first = match bind.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    let connected = TcpStream::connect_timeout(&SocketAddr::new(first, bind.port()), REQUEST_TIME_LIMIT / 2);
    if connected.is_err() && bind.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        let second = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bind.port());
        // If both attempts fail, the first error is the more useful one for the operator.
        return TcpStream::connect_timeout(&second, REQUEST_TIME_LIMIT / 2).or(connected);
    }
    connected
}

fn exchange(mut stream: TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let address = stream.peer_addr()?;
    stream.set_write_timeout(Some(REQUEST_TIME_LIMIT))?;
    stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut response = Vec::new();
    let mut rest = stream.try_clone()?.take(MAX_RESPONSE_BYTES);
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match rest.read(&mut buffer)? {
            0 => return Ok(response),
            length => response.extend_from_slice(buffer.get(..length).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn readiness_for(response: &'static str) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(response.as_bytes()).unwrap();
        });
        let outcome = request_readiness(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        server.join().unwrap();
        outcome
    }

    #[test]
    fn only_a_200_response_is_ready() {
        readiness_for("HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
        let error =
            readiness_for("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"unready\"}").unwrap_err();
        assert_eq!(error.to_string(), "not ready: {\"status\":\"unready\"}");
        readiness_for("").unwrap_err();
    }

    /// In a container without IPv6, a service on `[::]` can only be reached by IPv4.
    #[test]
    fn a_service_on_all_addresses_is_reached_by_ipv4_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
        });
        request_readiness(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).unwrap();
        server.join().unwrap();
        request_readiness(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)).unwrap_err();
    }

    #[test]
    fn a_response_that_never_ends_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Sends until the other end closes the connection.
            while stream.write_all(b"H").is_ok() {
                thread::park_timeout(Duration::from_millis(100));
            }
        });
        let began = Instant::now();
        let error = request_readiness(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).unwrap_err();
        assert!(began.elapsed() < REQUEST_TIME_LIMIT * 2, "{error} after {:?}", began.elapsed());
        server.join().unwrap();
    }

    #[test]
    fn a_service_that_does_not_listen_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        request_readiness(free).unwrap_err();
    }
}

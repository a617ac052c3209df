//! Tests that a process stops in time, whatever blocks. Each uses a real process, `SIGTERM` and a clock.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitStatus;
use std::time::Duration;

use reqwest::StatusCode;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::{Proxy, ProxyMode, RedisProcess};

use crate::helpers::{Service, ServiceSettings, WAIT_LIMIT, eventually};

const SHUTDOWN_SECONDS: u64 = 2;
/// The limit in the documentation, and a second of margin.
const LIMIT: Duration = Duration::from_secs(SHUTDOWN_SECONDS + 1);

fn settings(database: &TestDatabase) -> ServiceSettings {
    ServiceSettings::on(database).with("AUTH__HTTP__SHUTDOWN_SECONDS", &SHUTDOWN_SECONDS.to_string())
}

async fn stops_in_time(service: Service) -> ExitStatus {
    let status = service.terminated_within(LIMIT).await;
    assert!(status.success(), "{status}");
    status
}

/// Sends requests until lines of the log are lost. All of them must be answered.
async fn overflow_the_log(service: &Service) {
    eventually("lines are lost", Duration::from_secs(60), async || {
        for _ in 0..50 {
            let asked =
                service.client.get(format!("{}/auth/me", service.url)).timeout(WAIT_LIMIT).send().await;
            assert_eq!(asked.unwrap().status(), StatusCode::UNAUTHORIZED);
        }
        number(service, "latchkey_log_lines_lost_total").await > 0.0
    })
    .await;
}

async fn number(service: &Service, name: &str) -> f64 {
    let page =
        service.client.get(format!("{}/metrics", service.url)).timeout(WAIT_LIMIT).send().await.unwrap();
    let page = page.text().await.unwrap();
    let line = page.lines().find(|line| !line.starts_with('#') && line.contains(name));
    line.unwrap_or_else(|| panic!("no {name}: {page}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[actix_web::test]
async fn a_blocked_log_delays_neither_the_service_nor_its_stop() {
    let database = TestDatabase::create(Backend::Sqlite);
    let (_unread, log) = std::io::pipe().unwrap();
    let service = settings(&database).with("AUTH__LOG__LEVEL", "trace").start_logging_to(log).await;
    overflow_the_log(&service).await;
    // Requests are still served, and audit events are still recorded.
    assert_eq!(service.register("alice").await, StatusCode::CREATED);
    service.access_token("alice").await;
    for path in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        let asked = service.client.get(format!("{}{path}", service.url)).timeout(WAIT_LIMIT).send().await;
        assert_eq!(asked.unwrap().status(), StatusCode::OK, "{path}");
    }
    stops_in_time(service).await;
    let events = settings(&database).command().arg("audit").output().unwrap();
    let events = String::from_utf8(events.stdout).unwrap();
    assert!(events.contains("user.registered") && events.contains("login.ok"), "{events}");
}

#[actix_web::test]
async fn a_log_that_is_read_again_says_how_many_lines_were_lost() {
    let database = TestDatabase::create(Backend::Sqlite);
    let (mut unread, log) = std::io::pipe().unwrap();
    let service = settings(&database).with("AUTH__LOG__LEVEL", "trace").start_logging_to(log).await;
    overflow_the_log(&service).await;
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        unread.read_to_string(&mut text).unwrap();
        text
    });
    let lost = number(&service, "latchkey_log_lines_lost_total").await;
    // When the log is read again, no more lines are lost: the line of this request is there.
    eventually("lines are written again", WAIT_LIMIT, async || {
        let before = number(&service, "latchkey_log_lines_lost_total").await;
        service.client.get(format!("{}/written-again", service.url)).send().await.unwrap();
        number(&service, "latchkey_log_lines_lost_total").await <= before
    })
    .await;
    stops_in_time(service).await;
    let text = reading.join().unwrap();
    assert!(text.contains("/written-again"));
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told: Vec<_> = lines.filter(|line| line["message"] == "log.lines_lost").collect();
    let sum: f64 = told.iter().map(|line| line["lines"].as_f64().unwrap()).sum();
    assert!(!told.is_empty() && sum >= lost, "{told:?}, {lost}");
}

#[actix_web::test]
async fn a_database_that_never_answers_does_not_delay_the_stop() {
    let database = TestDatabase::create(Backend::Postgres);
    let mut url: url::Url = database.url().parse().unwrap();
    let upstream = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let between = Proxy::before(&upstream).await;
    let address: std::net::SocketAddr = between.address().parse().unwrap();
    url.set_ip_host(address.ip()).unwrap();
    url.set_port(Some(address.port())).unwrap();
    let service = settings(&database).with("AUTH__DATABASE__URL", url.as_str()).start().await;
    service.register("alice").await;

    between.set(ProxyMode::Hang);
    let form = [("username", "alice"), ("password", crate::helpers::PASSWORD)];
    let login = service.client.post(format!("{}/auth/token", service.url)).form(&form).send();
    let login = tokio::spawn(login);
    eventually("the login is under way", WAIT_LIMIT, async || {
        number(&service, "latchkey_http_requests_in_flight").await > 1.0
    })
    .await;
    stops_in_time(service).await;
    assert!(!login.await.unwrap().is_ok_and(|answer| answer.status() == StatusCode::OK));
}

#[actix_web::test]
async fn a_redis_that_never_answers_does_not_delay_the_stop() {
    let (database, redis) = (TestDatabase::create(Backend::Sqlite), RedisProcess::start().await);
    let service = settings(&database).projecting_to(&redis.address()).start().await;
    service.register("alice").await;
    let token = service.access_token("alice").await;
    redis.pause();
    assert_eq!(service.post("/auth/logout", &token).await, StatusCode::NO_CONTENT);
    stops_in_time(service).await;
    redis.resume();
}

#[actix_web::test]
async fn a_client_that_never_reads_does_not_delay_the_stop() {
    let database = TestDatabase::create(Backend::Sqlite);
    let service = settings(&database).start().await;
    let address = service.url.trim_start_matches("http://").to_owned();
    let mut stalled = TcpStream::connect(&address).unwrap();
    let asked = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: h\r\n\r\n".repeat(8);
    stalled.write_all(asked.as_bytes()).unwrap();
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.write_all(
        b"POST /auth/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    )
    .unwrap();
    eventually("the slow one is under way", WAIT_LIMIT, async || {
        number(&service, "latchkey_http_requests_in_flight").await > 1.0
    })
    .await;
    stops_in_time(service).await;
}

//! The feed over HTTP, as a verifier in any language uses it.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Database, DatabaseError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::{Service, ServiceSettings, WAIT_LIMIT, eventually};

fn settings() -> (TestDatabase, ServiceSettings) {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    (database, settings)
}

async fn answer(service: &Service, query: &str) -> (StatusCode, Value) {
    let answer = service.client.get(format!("{}/revocations{query}", service.url)).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[actix_web::test]
async fn the_list_is_followed_by_its_cursor() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    service.register("alice").await;
    let (one, other) = (service.access_token("alice").await, service.access_token("alice").await);
    let (status, empty) = answer(&service, "").await;
    assert_eq!((status, &empty["entries"], &empty["complete"]), (StatusCode::OK, &json!([]), &json!(true)));

    service.post("/auth/logout", &one).await;
    let after = format!("?after={}", empty["cursor"].as_str().unwrap());
    let (_, first) = answer(&service, &after).await;
    let entry = first["entries"][0].as_object().unwrap();
    assert_eq!(entry.keys().map(String::as_str).collect::<Vec<_>>(), ["at", "exp", "id", "kind"]);
    assert_eq!((&entry["kind"], &entry["at"]), (&json!("sid"), &Value::Null));

    service.post("/auth/logout-all", &other).await;
    let after = format!("?after={}", first["cursor"].as_str().unwrap());
    let (_, second) = answer(&service, &after).await;
    assert_eq!(second["entries"].as_array().unwrap().len(), 1);
    assert_eq!(second["entries"][0]["kind"], "sub");
    assert!(second["entries"][0]["at"].as_i64().unwrap() > 1_700_000_000_000);

    let (_, whole) = answer(&service, "").await;
    assert_eq!(whole["entries"].as_array().unwrap().len(), 2);
    assert_eq!((&whole["epoch"], &whole["cursor"]), (&empty["epoch"], &second["cursor"]));
}

#[actix_web::test]
async fn a_cursor_of_another_list_is_gone_and_a_wait_has_its_limit() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let (_, list) = answer(&service, "").await;
    let epoch = list["epoch"].as_str().unwrap();
    for cursor in ["1", "garbage", "other.1", &format!("{epoch}.99"), &format!("{epoch}.-1"), ""] {
        assert_eq!(answer(&service, &format!("?after={cursor}")).await.0, StatusCode::GONE, "{cursor}");
    }
    for wait in ["31", "-1", "soon"] {
        let (status, problem) = answer(&service, &format!("?wait={wait}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wait}");
        assert_eq!(problem["errors"][0]["field"], "wait");
    }
}

#[actix_web::test]
async fn without_a_token_it_answers_only_this_machine() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let get = || service.client.get(format!("{}/revocations", service.url));
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status();
    for host in ["localhost:8000", "LOCALHOST", "127.0.0.1", "[::1]:8000", "id.localhost"] {
        assert_eq!(status(get().header("Host", host)).await, StatusCode::OK, "{host}");
    }
    // Host names that a web page can make a browser send, if the page's own name resolves to 127.0.0.1.
    for host in ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "me@localhost"] {
        assert_eq!(status(get().header("Host", host)).await, StatusCode::FORBIDDEN, "{host}");
    }
    for (header, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Server", "gateway"),
        ("X-Real-IP", "127.0.0.1"),
        ("CF-Connecting-IP", "127.0.0.1"),
        ("True-Client-IP", "127.0.0.1"),
    ] {
        assert_eq!(status(get().header(header, value)).await, StatusCode::FORBIDDEN, "{header}");
    }
}

#[actix_web::test]
async fn the_host_that_the_url_names_counts_as_well() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let address = service.url.strip_prefix("http://").unwrap();
    let ask = async |target: &str, hosts: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(ask("/revocations", "Host: localhost\r\n").await, "200");
    assert_eq!(ask("http://localhost/revocations", "Host: localhost\r\n").await, "200");
    for (target, hosts) in [
        ("http://evil.example/revocations", "Host: localhost\r\n"),
        ("/revocations", "Host: localhost\r\nHost: evil.example\r\n"),
        ("/revocations", ""),
    ] {
        let status = ask(target, hosts).await;
        assert!(["403", "400"].contains(&status.as_str()), "{target} {hosts:?}: {status}");
    }
}

/// Behind a proxy every request comes from the proxy's address, and a public issuer is reached from other machines.
#[actix_web::test]
async fn behind_a_proxy_or_with_a_public_name_it_needs_a_token() {
    let (_database, local) = settings();
    let public = local.clone().with("AUTH__ISSUER", "https://id.example.com");
    for settings in [local.with("AUTH__HTTP__TRUSTED_PROXIES", "192.0.2.7"), public] {
        let service = settings.start().await;
        let (status, problem) = answer(&service, "").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(problem["detail"].as_str().unwrap().contains("revocation.feed_token"), "{problem}");
        assert!(service.terminate().success());
        let token = "a-feed-token-of-some-length";
        let service = settings.with("AUTH__REVOCATION__FEED_TOKEN", token).start().await;
        let get = service.client.get(format!("{}/revocations", service.url)).bearer_auth(token);
        assert_eq!(get.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[actix_web::test]
async fn with_a_token_it_answers_those_who_send_it() {
    let (_database, settings) = settings();
    let service = settings.with("AUTH__REVOCATION__FEED_TOKEN", "a-feed-token-of-some-length").start().await;
    let get = || service.client.get(format!("{}/revocations", service.url));
    for refused in [get(), get().bearer_auth("another"), get().header("Authorization", "Basic YTpi")] {
        let refused = refused.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(refused.headers()["WWW-Authenticate"], "Bearer");
    }
    let forwarded = get().bearer_auth("a-feed-token-of-some-length").header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(forwarded.send().await.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn it_is_compressed_on_request() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    // A client that does not decompress the response.
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let get = plain.get(format!("{}/revocations", service.url)).header("Accept-Encoding", "gzip");
    assert_eq!(get.send().await.unwrap().headers()["Content-Encoding"], "gzip");
}

#[actix_web::test]
async fn a_stop_answers_waiting_requests() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let (_, list) = answer(&service, "").await;
    let url = format!("{}/revocations?wait=30&after={}", service.url, list["cursor"].as_str().unwrap());
    let waiting = tokio::spawn(service.client.get(url).send());
    let metrics = format!("{}/metrics", service.url);
    eventually("the feed waits", Duration::from_secs(5), async || {
        let told = service.client.get(&metrics).send().await.unwrap().text().await.unwrap();
        told.lines().any(|line| line == "latchkey_feed_followers 1")
    })
    .await;
    assert!(service.terminate().success());
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
}

/// The value of a metric.
async fn metric(service: &Service, name: &str) -> u64 {
    let told = service.client.get(format!("{}/metrics", service.url)).send().await.unwrap();
    let told = told.text().await.unwrap();
    let line = told.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Sends a request that waits for facts after `after`, on a connection of its own.
async fn ask(stream: &mut TcpStream, after: &str) {
    let request = format!("GET /revocations?wait=30&after={after} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Reads a response that has a `Content-Length`. Returns the length of its body.
async fn take(stream: &mut TcpStream) -> usize {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0);
        answer.extend_from_slice(&piece[..length]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let body = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let body: usize = body.parse().unwrap();
        if answer.len() == end + 4 + body {
            return body;
        }
    }
}

/// A waiting follower uses memory for the buffers of its connection and for its request, but none for earlier responses.
#[actix_web::test]
async fn a_waiting_follower_uses_at_most_forty_kibibytes_even_after_a_burst() {
    const FOLLOWERS: u64 = 2_000;
    service_kit::server::raise_open_file_limit();
    let (place, settings) = settings();
    let service = settings.start().await;
    let (_, page) = answer(&service, "").await;
    let mut cursor = page["cursor"].as_str().unwrap().to_owned();
    let before = metric(&service, "process_resident_memory_bytes").await;
    let mut followers = Vec::new();
    for _ in 0..FOLLOWERS {
        followers.push(TcpStream::connect(service.address()).await.unwrap());
    }
    let database = Database::connect(&place.settings()).await.unwrap();
    for burst in 0..3 {
        for follower in &mut followers {
            ask(follower, &cursor).await;
        }
        eventually("all wait", WAIT_LIMIT, async || {
            metric(&service, "latchkey_feed_followers").await == FOLLOWERS
        })
        .await;
        let held = metric(&service, "process_resident_memory_bytes").await.saturating_sub(before);
        assert!(held / FOLLOWERS <= 40 * 1024, "{} bytes for each, after {burst} bursts", held / FOLLOWERS);
        let (first, last) = (burst * 1_000 + 1, burst * 1_000 + 1_000);
        let statements = format!(
            "INSERT INTO revocations (seq, kind, subject_id, at_ms, exp_s, created_at_ms)
             SELECT i, 'sid', '0190c1a5-3f2e-7abc-8def-' || i, NULL, 4000000000, 0 FROM (
                 WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n
             ) AS numbers;
             UPDATE revocation_log SET last_seq = {last}"
        );
        let flooded = database.write(move |conn| Ok::<_, DatabaseError>(conn.batch_execute(&statements)?));
        flooded.await.unwrap();
        let taken = futures_util::future::join_all(followers.iter_mut().map(take)).await;
        assert!(taken.iter().all(|length| *length == taken[0] && *length > 64 * 1024), "{}", taken[0]);
        let (epoch, _) = cursor.split_once('.').unwrap();
        cursor = format!("{epoch}.{last}");
    }
}

//! Plain TCP connections to the feed, and a database with a long list.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::{Clock as _, SystemClock};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::helpers::{Service, ServiceSettings};

/// The number of facts in the long list, which needs several responses.
pub(super) const FACTS: usize = 20_000;
/// The most facts in one response.
pub(super) const PAGE: usize = 10_000;

/// A position in the list.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) cursor: String,
    pub(super) seq: i64,
}

/// The position that a response reaches.
pub(super) fn place_of(body: &str) -> Place {
    // The body is not parsed as JSON, because hundreds of followers get a long list.
    let cursor = body.split_once("\"cursor\":\"").unwrap().1.split_once('"').unwrap().0;
    let seq = cursor.rsplit_once('.').unwrap().1.parse().unwrap();
    Place { cursor: cursor.to_owned(), seq }
}

pub(super) async fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(service.address()).await.unwrap()
}

pub(super) fn request(query: &str, headers: &str) -> String {
    format!("GET /revocations{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

/// Reads the status and the body of the next response.
pub(super) async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let (head, body) = exchange(stream).await;
    (head.split(' ').nth(1).unwrap().parse().unwrap(), String::from_utf8(body).unwrap())
}

/// Reads the head and the body of the next response, which has a length or is sent in chunks.
pub(super) async fn exchange(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut end = None;
    loop {
        if end.is_none() {
            end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        }
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            if let Some(body) = body(&head.to_ascii_lowercase(), &bytes[end + 4..]) {
                return (head, body);
            }
        }
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&bytes));
    }
}

fn body(head: &str, mut rest: &[u8]) -> Option<Vec<u8>> {
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length:")) {
        return rest.get(..length.trim().parse().unwrap()).map(<[u8]>::to_vec);
    }
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    if !rest.ends_with(b"0\r\n\r\n") {
        return None;
    }
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        let chunk = rest.get(line + 2..line + 2 + size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(line + 2 + size + 2..)?;
    }
}

/// Creates the database with a long list in it.
pub(super) fn fill(settings: &ServiceSettings, database: &TestDatabase) {
    let made = settings.command().arg("migrate").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = database.url().trim_start_matches("sqlite://");
    let uuid = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-7' || substr(hex(randomblob(2)), 2) \
                || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";
    let now = SystemClock.now_seconds();
    let facts = format!(
        "BEGIN;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {FACTS})
        INSERT INTO revocations (seq, kind, subject_id, at_ms, exp_s, created_at_ms)
        SELECT i, 'jti', {uuid}, NULL, {end}, {now}000 FROM n;
        UPDATE revocation_log SET last_seq = {FACTS};
        COMMIT;",
        end = now + 86_400,
    );
    SqliteConnection::establish(file).unwrap().batch_execute(&facts).unwrap();
}

//! Sends the recorded requests of a verifier of release 0.1.0 to the feed, and checks what it needs in the responses.

use std::io::Read as _;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::crowd::{connect, exchange};
use super::settings;
use crate::helpers::Service;

/// The head after the request line, byte for byte. `HOST` stands for the host of the issuer.
const RECORDED_HEAD: &str = "accept: application/json\r\n\
                             cache-control: no-cache\r\n\
                             user-agent: latchkey-shared-claims/0.1.0\r\n\
                             accept-encoding: gzip\r\n\
                             host: HOST\r\n\r\n";

/// Sends the recorded request with this query.
async fn send(stream: &mut TcpStream, service: &Service, query: &str) {
    let head = RECORDED_HEAD.replace("HOST", &service.address().to_string());
    stream.write_all(format!("GET /revocations{query} HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
}

/// Reads a response as that verifier does: compressed or not, an object with four members of the expected types.
async fn page(stream: &mut TcpStream) -> Value {
    let (head, body) = exchange(stream).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let head = head.to_ascii_lowercase();
    let mut text = String::new();
    if head.contains("content-encoding: gzip") {
        flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
    } else {
        assert!(!head.contains("content-encoding"), "{head}");
        text = String::from_utf8(body).unwrap();
    }
    let page: Value = serde_json::from_str(&text).unwrap();
    assert!(
        page["epoch"].is_string() && page["complete"].is_boolean() && page["entries"].is_array(),
        "{page}"
    );
    assert!(page["cursor"].as_str().unwrap().len() <= 1_024);
    page
}

#[actix_web::test]
async fn a_verifier_of_the_earlier_release_follows_the_feed() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    service.register("ada").await;
    let (one, other) = (service.access_token("ada").await, service.access_token("ada").await);
    let mut stream = connect(&service).await;

    // Its first request, and then the request that is held.
    send(&mut stream, &service, "").await;
    let whole = page(&mut stream).await;
    assert_eq!((&whole["entries"], &whole["complete"]), (&json!([]), &json!(true)));
    let cursor = whole["cursor"].as_str().unwrap();
    send(&mut stream, &service, &format!("?after={cursor}&wait=3")).await;
    assert!(service.post("/auth/logout", &one).await.is_success());
    let mut news = page(&mut stream).await;
    if news["entries"] == json!([]) {
        // The hold ended before the logout: the verifier repeats the request.
        send(&mut stream, &service, &format!("?after={cursor}&wait=3")).await;
        news = page(&mut stream).await;
    }
    assert_eq!((&news["epoch"], &news["complete"]), (&whole["epoch"], &json!(true)));
    let entry = &news["entries"][0];
    assert_eq!((&entry["kind"], &entry["at"]), (&json!("sid"), &Value::Null));
    assert!(entry["id"].is_string() && entry["exp"].is_i64(), "{entry}");

    // After a failure, it requests the missing facts on another connection.
    assert!(service.post("/auth/logout-all", &other).await.is_success());
    let mut stream = connect(&service).await;
    send(&mut stream, &service, &format!("?after={}&wait=0", news["cursor"].as_str().unwrap())).await;
    let caught_up = page(&mut stream).await;
    assert_eq!(caught_up["entries"].as_array().unwrap().len(), 1);
    assert_eq!(caught_up["entries"][0]["kind"], "sub");
    assert!(caught_up["entries"][0]["at"].is_i64(), "{caught_up}");

    // A cursor of another list is refused.
    send(&mut stream, &service, "?after=0192f3a4-b5c6-7d8e-9f01-23456789abcd.41&wait=3").await;
    let (head, _) = exchange(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 410 "), "{head}");
}

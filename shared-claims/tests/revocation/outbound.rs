//! The proxy for requests to the issuer, and the messages after a failure. The rules are the same for key set and feed.

use std::process::Command;
use std::sync::{Arc, Mutex};

use shared_claims::outbound::ProxyUrl;
use shared_claims::revocation::{FeedSettings, Mirror};
use shared_claims::testing::eventually;
use shared_claims::verifier::Verifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::feed_server::FeedServer;
use super::mirror::says;
use super::tls::redis_with_tls;
use super::*;

/// Set in a child process whose environment names a proxy.
const URL: &str = "TEST_FEED_URL";

/// A proxy that answers 502 and records the requests.
struct FakeProxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl FakeProxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut head, mut piece) = (Vec::new(), [0; 1024]);
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(1..) => head.extend(piece.iter().take_while(|byte| **byte != 0)),
                        _ => break,
                    }
                    piece = [0; 1024];
                }
                kept.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                // An error means that the client closed the connection, which does not matter here.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, heads, task: task.abort_handle() }
    }

    fn asked(&self, start: &str) -> Option<String> {
        self.heads.lock().unwrap().iter().find(|head| head.starts_with(start)).cloned()
    }
}

impl Drop for FakeProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_asked_for_nothing() {
    if let Ok(url) = std::env::var(URL) {
        let feed = FeedSettings::new(&url).unwrap().token("feed-token-1").unwrap();
        let mirror = Mirror::follow_feed(feed, MirrorSettings::default());
        says(&mirror, 1, Verdict::NotRevoked, SOON).await;
        let issuer = url.strip_suffix("/revocations").unwrap();
        let verifier =
            Verifier::builder(issuer).audience("notes").without_revocation().build().await.unwrap();
        eventually("the issuer was asked", SOON, async || verifier.status().keys_error.is_some()).await;
        return;
    }
    let (server, proxy) = (FeedServer::start().await, FakeProxy::start().await);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "outbound::a_proxy_of_the_environment_is_asked_for_nothing"])
        .env(URL, server.url());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, format!("http://{}", proxy.address));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(*proxy.heads.lock().unwrap(), Vec::<String>::new());
    let asked = server.requests();
    for path in ["GET /revocations", "GET /.well-known/openid-configuration"] {
        assert!(asked.iter().any(|head| head.starts_with(path)), "{path}: {asked:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_named_is_asked_for_key_set_and_feed() {
    let proxy = FakeProxy::start().await;
    let named = ProxyUrl::parse(&format!("http://me:p%40ss@{}", proxy.address)).unwrap();
    let plain = Verifier::builder("http://issuer.invalid").audience("notes").proxy(named.clone());
    let _plain = plain.follow_feed().build().await.unwrap();
    let secure = Verifier::builder("https://issuer.invalid").audience("notes").proxy(named);
    let _secure = secure.follow_feed().build().await.unwrap();
    for start in [
        "GET http://issuer.invalid/.well-known/openid-configuration ",
        "GET http://issuer.invalid/revocations ",
        "CONNECT issuer.invalid:443 ",
    ] {
        eventually(start, SOON, async || proxy.asked(start).is_some()).await;
        let head = proxy.asked(start).unwrap().to_lowercase();
        // The base64 text is `me:p@ss`.
        assert!(head.contains("proxy-authorization: basic bwu6cebzcw==\r\n"), "{head}");
    }
}

/// A TLS server whose certificate comes from an unknown authority.
#[tokio::test]
async fn an_untrusted_certificate_is_named_in_the_error() {
    let (_redis, url) = redis_with_tls().await;
    let issuer = url.replace("rediss://", "https://");
    let verifier = Verifier::builder(&issuer).audience("notes").follow_feed().build().await.unwrap();
    let told = || {
        let status = verifier.status();
        let feed = status.revocation.and_then(|list| list.last_error).unwrap_or_default();
        [status.keys_error.unwrap_or_default(), feed]
    };
    let both = async || told().iter().all(|error| error.contains("UnknownIssuer"));
    eventually("both messages contain the cause", SOON, both).await;
}

#[tokio::test]
async fn a_refused_connection_is_named_in_the_error() {
    let issuer = format!("http://me:hunter2@127.0.0.1:{}", shared_claims::testing::free_port());
    let verifier = Verifier::builder(&issuer).audience("notes").follow_feed().build().await.unwrap();
    let told = || {
        let status = verifier.status();
        let feed = status.revocation.and_then(|list| list.last_error).unwrap_or_default();
        [status.keys_error.unwrap_or_default(), feed]
    };
    let both = async || told().iter().all(|error| error.contains("Connection refused"));
    eventually("both messages contain the cause", SOON, both).await;
    assert!(!told().concat().contains("hunter2"), "{:?}", told());
}

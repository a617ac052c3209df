//! `rediss://` with a certificate authority that the system was configured to trust.

use std::process::Command;

use shared_claims::revocation::{Mirror, RedisLookup};
use shared_claims::testing::eventually;

use super::mirror::says;
use super::*;

/// Set in the child process that trusts the authority. A process reads the trusted authorities from its environment
/// only once.
const URL: &str = "TEST_REDISS_URL";

fn data(file: &str) -> String {
    format!("{}/tests/data/redis-tls/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// A Redis process that also accepts TLS, and its TLS URL.
pub(crate) async fn redis_with_tls() -> (RedisProcess, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (certificate, key) = (data("server.pem"), data("server.key"));
    let tls = ["--tls-port", &port.to_string(), "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let redis = RedisProcess::start_with(&[&tls[..], &["--tls-auth-clients", "no"]].concat()).await;
    (redis, format!("rediss://localhost:{port}"))
}

#[tokio::test]
async fn a_trusted_redis_is_followed_over_tls() {
    if let Ok(url) = std::env::var(URL) {
        return follow(&url).await;
    }
    let (redis, url) = redis_with_tls().await;
    let mut list = list_in(&redis).await;
    list.revoke(revocation_of(1)).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::a_trusted_redis_is_followed_over_tls"]);
    child.env("SSL_CERT_FILE", data("ca.pem")).env_remove("SSL_CERT_DIR").env(URL, url);
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

async fn follow(url: &str) {
    let redis = RedisSettings::new(url).unwrap();
    let mirror = Mirror::follow_redis(redis.clone(), MirrorSettings::default());
    says(&mirror, 2, Verdict::NotRevoked, SOON).await;
    assert_eq!(mirror.check(&token(1)), REVOKED);
    assert_eq!(RedisLookup::new(redis, MirrorSettings::default()).check(&token(1)).await, REVOKED);
}

#[tokio::test]
async fn an_untrusted_redis_is_not_believed() {
    let (redis, url) = redis_with_tls().await;
    let _list = list_in(&redis).await;
    let mirror = Mirror::follow_redis(RedisSettings::new(&url).unwrap(), MirrorSettings::default());
    eventually("the status contains the error", SOON, async || mirror.status().last_error.is_some()).await;
    assert_eq!(mirror.check(&token(1)), Verdict::Unknown);
}

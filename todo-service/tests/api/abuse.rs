//! Clients that hold many connections and much memory, with all kinds of attack at once, against the real program.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use service_kit::denial_of_service::Target;
use shared_claims::clock::SystemClock;
use shared_claims::testing::{TestIssuer, TestKey, eventually, free_port};

use crate::helpers::{ADA, AUDIENCE, TestFeed};

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[actix_web::test]
async fn an_attack_by_slow_clients_and_large_bodies_is_bounded_and_leaves_nothing() {
    let database = TestDatabase::create(Backend::Sqlite);
    let (issuer, feed) = (TestIssuer::start([TestKey::shared(0)]), TestFeed::start());
    let port = free_port();
    let program = Command::new("prlimit")
        .args(["--nofile=256:2048", "--", env!("CARGO_BIN_EXE_todo-service")])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        // As in the Dockerfile: glibc returns the memory of large buffers to the system when they are freed.
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .env("TODO__HTTP__BIND", format!("127.0.0.1:{port}"))
        .env("TODO__HTTP__WORKERS", "2")
        .env("TODO__HTTP__STALLED_SECONDS", "2")
        .env("TODO__HTTP__CLIENT_TIMEOUT_SECONDS", "10")
        .env("TODO__HTTP__KEEP_ALIVE_SECONDS", "2")
        .env("TODO__HTTP__REQUEST_TIMEOUT_SECONDS", "15")
        .env("TODO__DATABASE__URL", database.url())
        .env("TODO__AUTH__ISSUER", issuer.url())
        .env("TODO__REVOCATION__FEED_URL", feed.url())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let program = Program(program);
    let (client, url) = (Client::new(), format!("http://127.0.0.1:{port}"));
    eventually("the program is ready", Duration::from_secs(30), || async {
        client.get(format!("{url}/readyz")).send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;

    // Store the largest list that one response can have.
    let clock = Arc::new(SystemClock);
    let token = TestKey::shared(0).token(issuer.url(), AUDIENCE, &*clock).claim("sub", ADA).sign();
    let body = json!({ "title": "a", "description": "😀".repeat(10_000) });
    for _ in 0..200 {
        let response = client.post(format!("{url}/todos/")).bearer_auth(&token).json(&body).send().await;
        assert_eq!(response.unwrap().status(), 201);
    }
    let pid = program.0.id();
    let attack = tokio::task::spawn_blocking(move || {
        let with =
            |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n");
        let (large, normal) = (with("/todos/?limit=200"), with("/whoami"));
        Target {
            address: ([127, 0, 0, 1], port).into(),
            pid,
            large: &large,
            // A page has 1 MiB at most, and each client gets its own.
            large_kib: 1024,
            normal: &normal,
            body_path: "/todos/",
            release_limit: Duration::from_secs(60),
        }
        .assert_survives_attack();
    });
    attack.await.unwrap();
}

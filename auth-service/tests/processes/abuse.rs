//! Tests with abusive clients of several kinds at once, which hold connections and memory.

use std::time::Duration;

use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use service_kit::denial_of_service::Target;

use crate::helpers::ServiceSettings;

#[actix_web::test]
async fn slow_readers_slow_senders_and_large_bodies_use_few_resources_and_release_them() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database)
        .with("AUTH__HTTP__STALLED_SECONDS", "2")
        .with("AUTH__HTTP__CLIENT_TIMEOUT_SECONDS", "10")
        .with("AUTH__HTTP__KEEP_ALIVE_SECONDS", "2")
        .with("AUTH__HTTP__REQUEST_TIMEOUT_SECONDS", "31");
    let service = settings.start_under(&["--nofile=256:2048"]).await;
    let (address, pid) = (service.address(), service.pid());
    let attack = tokio::task::spawn_blocking(move || {
        Target {
            address,
            pid,
            large: "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: h\r\n",
            // It is a part of the program.
            large_kib: 0,
            normal: "GET /.well-known/jwks.json HTTP/1.1\r\nHost: h\r\n",
            body_path: "/auth/login",
            release_limit: Duration::from_secs(90),
        }
        .assert_survives_attack();
    });
    attack.await.unwrap();
    assert!(service.terminate().success());
}

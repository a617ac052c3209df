//! B23: acknowledged changes survive a `kill -9`, and no change is half done.

mod commands;
mod invariants;
mod streams;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rand::RngExt;
use reqwest::StatusCode;
use service_kit::database::testing::TestDatabase;

use crate::helpers::{ServiceSettings, WAIT_LIMIT, eventually};

#[actix_web::test]
async fn registered_users_and_ended_sessions_survive_a_kill() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let service = settings.start().await;
        assert_eq!(service.register("alice").await, StatusCode::CREATED);
        let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
        assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
        service.kill();

        let service = settings.start().await;
        assert_eq!(service.me(&ended).await, StatusCode::UNAUTHORIZED);
        assert_eq!(service.me(&standing).await, StatusCode::OK, "the same signing key is still active");
        assert_eq!(service.register("ALICE").await, StatusCode::BAD_REQUEST, "the name is still taken");
    }
}

/// All kinds of writes run at once, and the service is killed at a random moment.
#[actix_web::test]
async fn a_kill_during_writes_keeps_acknowledged_writes_and_leaves_none_half_done() {
    const ROUNDS: usize = 3;
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        for round in 0..ROUNDS {
            let service = settings.start().await;
            let streams = streams::prepare(&service, round).await;
            let wanted = rand::rng().random_range(5..50);
            let (running, acknowledged) = streams.run(&service);
            eventually("work is acknowledged", WAIT_LIMIT, async || acknowledged.load(Relaxed) >= wanted)
                .await;
            tokio::time::sleep(Duration::from_micros(rand::rng().random_range(0..20_000))).await;
            service.kill();
            let writes = running.await;
            let service = settings.start().await;
            writes.check(&service).await;
            invariants::check(&database).await;
        }
    }
}

//! The auth-service's own user in Redis needs what `docs/revocation.md` says, and no more.

use auth_service::revocation::{ProjectionSettings, ProjectionState};

use crate::helpers::{World, eventually, session};

const DOCUMENT: &str = include_str!("../../../docs/revocation.md");

/// The rules, as they are written between backticks.
fn documented() -> Vec<&'static str> {
    let (_, rest) = DOCUMENT.split_once("An ACL for the auth-service: `").unwrap();
    rest.split_once('`').unwrap().0.split_whitespace().collect()
}

#[tokio::test]
async fn the_documented_rights_suffice_for_a_delivery_and_a_rebuild() {
    let world = World::sqlite().await;
    let mut redis = world.connection().await;
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("issuer").arg("on").arg(">secret").arg(documented());
    user.query_async::<()>(&mut redis).await.unwrap();
    let url = format!("redis://issuer:secret@{}", world.redis.address());
    let issuer = world.start_with(ProjectionSettings { url, ..world.settings() }).await.unwrap();
    let seq = world.commit(session(1)).await;
    issuer.announce(seq).await;
    assert_eq!(world.stream().await, ["1-0"]);

    // By the default user: the auth-service itself may not flush.
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.unwrap();
    eventually("the list is rebuilt", async || world.stream().await == ["1-0"]).await;
    eventually("and proven", async || issuer.status().unwrap().state == ProjectionState::Current).await;
}

//! Tests of two issuers with separate databases that use one Redis with the same prefix.

use auth_service::revocation::{ProjectionSettings, ProjectionState, Revocations, StartError};
use shared_claims::revocation::{
    Mirror, MirrorSettings, RedisLookup, RedisSettings, RevocationKind, Verdict,
};
use shared_claims::testing::{Proxy, ProxyMode};

use crate::helpers::{World, eventually, session};
use crate::topology::token;

#[actix_web::test]
async fn the_second_one_does_not_start() {
    let (world, other) = (World::sqlite().await, World::sqlite().await);
    let first = world.start().await;
    eventually("the list is proven", async || world.exists("epoch").await).await;
    let settings = || ProjectionSettings { url: world.redis.url(), ..other.settings() };
    let refused = other.start_with(settings()).await.unwrap_err();
    assert!(matches!(refused, StartError::ForeignList));
    assert!(refused.to_string().contains("revocation.prefix"), "{refused}");

    let elsewhere = ProjectionSettings { prefix: "{elsewhere}".to_owned(), ..settings() };
    let second = other.start_with(elsewhere).await.unwrap();
    let current = |issuer: &Revocations| issuer.status().unwrap().state == ProjectionState::Current;
    eventually("each has its own", async || current(&first) && current(&second)).await;
    second.stop().await;
    first.stop().await;
}

#[actix_web::test]
async fn two_issuers_that_run_all_the_same_report_it_and_no_revoked_token_is_accepted() {
    let (world, other) = (World::sqlite().await, World::sqlite().await);
    let first = world.start().await;
    let between = Proxy::before(&world.redis.address()).await;
    between.set(ProxyMode::Refuse);
    let url = format!("redis://{}/0", between.address());
    // An unreachable Redis does not stop the start.
    let second = other.start_with(ProjectionSettings { url, ..other.settings() }).await.unwrap();
    eventually("the first is well", async || first.status().unwrap().state == ProjectionState::Current).await;
    between.set(ProxyMode::Forward);
    let contested = |issuer: &Revocations| {
        let status = issuer.status().unwrap();
        status.state == ProjectionState::Contested && status.contests > 0
    };
    eventually("both say so", async || contested(&first) && contested(&second)).await;

    let redis = RedisSettings::new(&world.redis.url()).unwrap();
    let mirror = Mirror::follow_redis(redis.clone(), MirrorSettings::default());
    let lookup = RedisLookup::new(redis, MirrorSettings::default());
    for (id, place, issuer) in [(1, &world, &first), (2, &other, &second)] {
        let seq = place.commit(session(id)).await;
        issuer.announce(seq).await;
        let revoked = Verdict::Revoked(RevocationKind::Sid);
        eventually("refused by both", async || {
            [mirror.check(&token(id)), lookup.check(&token(id)).await] == [revoked; 2]
        })
        .await;
    }
    second.stop().await;
    eventually("the first is alone", async || first.status().unwrap().state == ProjectionState::Current)
        .await;
    first.stop().await;
}

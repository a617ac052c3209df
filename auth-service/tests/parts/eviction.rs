//! Tests that a Redis that may evict is refused, or monitored if the settings allow it.

use auth_service::revocation::{ProjectionState, StartError};

use shared_claims::testing::{Proxy, ProxyMode};

use crate::helpers::{World, eventually, session};

async fn configure(world: &World, name: &str, value: &str) {
    let mut redis = world.connection().await;
    let () = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query_async(&mut redis).await.unwrap();
}

async fn let_it_evict(world: &World) {
    configure(world, "maxmemory", "100mb").await;
    configure(world, "maxmemory-policy", "allkeys-lru").await;
}

#[actix_web::test]
async fn a_redis_that_may_evict_stops_the_start() {
    let world = World::sqlite().await;
    let_it_evict(&world).await;
    let refused = world.start_with(world.settings()).await;
    assert!(matches!(refused, Err(StartError::MayEvict)));
}

#[actix_web::test]
async fn a_redis_that_may_evict_later_is_not_renewed_until_it_may_not_any_more() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    eventually("the list is proven", async || world.exists("epoch").await).await;
    let_it_evict(&world).await;
    let state = || revocations.status().unwrap().state;
    eventually("noticed", async || state() == ProjectionState::MayEvict).await;
    let before = world.get("as_of").await;
    let seq = world.commit(session(1)).await;
    revocations.announce(seq).await;
    assert_eq!(world.stream().await, ["1-0"], "facts are still delivered");
    assert_eq!(world.get("as_of").await, before, "the proof is not renewed");
    configure(&world, "maxmemory-policy", "noeviction").await;
    eventually("renewed", async || state() == ProjectionState::Current).await;
    revocations.stop().await;
}

#[actix_web::test]
async fn an_allowed_eviction_is_answered_by_a_rebuild() {
    let world = World::sqlite().await;
    let_it_evict(&world).await;
    let mut settings = world.settings();
    settings.allow_eviction = true;
    let revocations = world.start_with(settings).await.unwrap();
    let seq = world.commit(session(1)).await;
    revocations.announce(seq).await;
    let epoch = world.get("epoch").await;
    // Fills Redis until it must evict.
    configure(&world, "maxmemory", "3mb").await;
    let mut redis = world.connection().await;
    for i in 0..200 {
        let _: Result<(), _> = redis::cmd("SET")
            .arg(format!("filler:{i}"))
            .arg("x".repeat(20_000))
            .query_async(&mut redis)
            .await;
    }
    configure(&world, "maxmemory", "100mb").await;
    eventually("rebuilt under a new epoch", async || {
        let now = world.get("epoch").await;
        now.is_some() && now != epoch && world.stream().await == ["1-0"]
    })
    .await;
    revocations.stop().await;
}

#[actix_web::test]
async fn a_redis_that_may_evict_and_is_reached_only_later_is_never_proven() {
    let world = World::sqlite().await;
    let_it_evict(&world).await;
    let between = Proxy::before(&world.redis.address()).await;
    between.set(ProxyMode::Refuse);
    let mut settings = world.settings();
    settings.url = format!("redis://{}/0", between.address());
    let revocations = world.start_with(settings).await.unwrap();
    let state = || revocations.status().unwrap().state;
    eventually("it is away", async || state() == ProjectionState::RedisUnavailable).await;
    between.set(ProxyMode::Forward);
    eventually("noticed", async || state() == ProjectionState::MayEvict).await;
    assert_eq!(world.get("epoch").await, None);
    revocations.stop().await;
}

/// Lets Redis evict keys of another program, which expire before the list's keys (policy `volatile-ttl`). The count
/// of evicted keys does not show whether the list lost any.
async fn evict_others(world: &World) {
    let mut redis = world.connection().await;
    for i in 0..100 {
        let mut filler = redis::cmd("SETEX");
        filler.arg(format!("filler:{i}")).arg(5).arg("x".repeat(20_000));
        filler.exec_async(&mut redis).await.unwrap();
    }
    configure(world, "maxmemory-policy", "volatile-ttl").await;
    configure(world, "maxmemory", "2mb").await;
    redis::cmd("PING").exec_async(&mut redis).await.unwrap();
}

async fn is_under_another_epoch_than(world: &World, epoch: Option<&String>) -> bool {
    let now = world.get("epoch").await;
    now.is_some() && now.as_ref() != epoch
}

#[actix_web::test]
async fn facts_that_were_evicted_while_nothing_could_be_proven_are_rebuilt_afterwards() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let seq = world.commit(session(1)).await;
    revocations.announce(seq).await;
    let epoch = world.get("epoch").await;
    evict_others(&world).await;
    let status = || revocations.status().unwrap();
    eventually("noticed", async || status().state == ProjectionState::MayEvict && status().evicted_keys > 0)
        .await;
    assert_eq!(world.get("epoch").await, epoch);
    configure(&world, "maxmemory", "0").await;
    eventually("rebuilt", async || is_under_another_epoch_than(&world, epoch.as_ref()).await).await;
    revocations.stop().await;
}

#[actix_web::test]
async fn facts_that_were_evicted_while_no_service_ran_are_rebuilt_at_the_next_start() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let seq = world.commit(session(1)).await;
    revocations.announce(seq).await;
    revocations.stop().await;
    let epoch = world.get("epoch").await;
    evict_others(&world).await;
    configure(&world, "maxmemory", "0").await;
    assert_eq!(world.get("epoch").await, epoch);
    let revocations = world.start().await;
    eventually("rebuilt", async || is_under_another_epoch_than(&world, epoch.as_ref()).await).await;
    revocations.stop().await;
}

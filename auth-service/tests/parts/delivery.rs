//! Tests that facts reach Redis in the order of commits, whichever auth-service delivers them.

use auth_service::storage;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::StumblingClock;
use uuid::Uuid;

use crate::helpers::{World, cut, eventually, now_ms, session};

#[actix_web::test]
async fn an_announced_fact_is_in_redis_when_the_response_is_sent() {
    for place in TestDatabase::both() {
        let world = World::new(place).await;
        let revocations = world.start().await;
        let seq = world.commit(session(7)).await;
        revocations.announce(seq).await;
        assert!(world.exists(&format!("sid:{}", Uuid::from_u128(7))).await);
        assert_eq!(world.stream().await, ["1-0"]);
        revocations.stop().await;
    }
}

#[actix_web::test]
async fn an_empty_list_is_proven_whole() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    eventually("the list is proven", async || world.exists("epoch").await && world.exists("as_of").await)
        .await;
    let epoch = world.get("epoch").await.unwrap();
    assert!(epoch.starts_with(&format!("{}:", world.run_id().await)), "{epoch}");
    revocations.stop().await;
}

#[actix_web::test]
async fn what_another_process_committed_is_delivered_within_a_round() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    world.commit(session(8)).await;
    eventually("delivered unannounced", async || world.stream().await == ["1-0"]).await;
    revocations.stop().await;
}

#[actix_web::test]
async fn two_services_deliver_each_fact_once_and_in_order() {
    for place in TestDatabase::both() {
        let world = World::new(place).await;
        let (one, other) = (world.start().await, world.start().await);
        for id in 1..=60_u128 {
            let seq = world.commit(session(id)).await;
            if id % 2 == 0 { one.announce(seq).await } else { other.announce(seq).await }
        }
        let expected: Vec<String> = (1..=60).map(|seq| format!("{seq}-0")).collect();
        assert_eq!(world.stream().await, expected);
        one.stop().await;
        other.stop().await;
    }
}

#[actix_web::test]
async fn of_several_cuts_the_highest_and_the_longest_life_count() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let at = now_ms();
    world.commit(cut("user-1", at, 5000)).await;
    let seq = world.commit(cut("user-1", at + 1, 100)).await;
    revocations.announce(seq).await;
    assert_eq!(world.get("sub:user-1").await, Some((at + 1).to_string()));
    let mut redis = world.connection().await;
    let left: i64 = redis::cmd("TTL").arg("{revoked}:sub:user-1").query_async(&mut redis).await.unwrap();
    assert!(left > 4000, "{left}");
    revocations.stop().await;
}

#[actix_web::test]
async fn more_facts_than_one_script_writes_are_all_delivered() {
    let world = World::sqlite().await;
    let mut last = 0;
    for id in 1..=1203_u128 {
        last = world.commit(session(id)).await;
    }
    let revocations = world.start().await;
    eventually("all delivered", async || revocations.status().unwrap().delivered == last).await;
    assert_eq!(world.stream().await.len(), 1203);
    revocations.stop().await;
}

#[actix_web::test]
async fn facts_that_ended_a_while_ago_are_not_delivered_and_leave_no_gap() {
    let world = World::sqlite().await;
    let mut expired = session(1);
    expired.exp = now_ms() / 1000 - 10 * storage::revocations::GRACE_S;
    world.commit(session(2)).await;
    world.commit(expired).await;
    let revocations = world.start().await;
    eventually("the list is proven", async || world.exists("epoch").await).await;
    assert_eq!(world.stream().await, ["1-0"]);
    let seq = world.commit(session(3)).await;
    revocations.announce(seq).await;
    assert_eq!(world.stream().await, ["1-0", "3-0"]);
    revocations.stop().await;
}

#[actix_web::test]
async fn a_redis_that_hangs_delays_a_response_for_a_second_at_most_and_no_fact_is_lost() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    eventually("the list is proven", async || world.exists("epoch").await).await;
    world.redis.pause();
    let seq = world.commit(session(9)).await;
    // Returns although the fact cannot be delivered.
    revocations.announce(seq).await;
    world.redis.resume();
    eventually("delivered when Redis is back", async || world.stream().await == ["1-0"]).await;
    revocations.stop().await;
}

#[actix_web::test]
async fn a_round_that_panics_counts_as_failed() {
    let world = World::sqlite().await;
    let clock = StumblingClock::new();
    let revocations = world.start_under(world.settings(), clock.clone()).await.unwrap();
    eventually("the list is proven", async || world.exists("epoch").await).await;
    let failures = revocations.status().unwrap().failures;
    clock.stumble(3);
    eventually("it panicked", async || revocations.status().unwrap().failures >= failures + 3).await;
    let seq = world.commit(session(10)).await;
    revocations.announce(seq).await;
    eventually("delivered by a later round", async || world.stream().await == ["1-0"]).await;
    let status = revocations.status().unwrap();
    assert_eq!(status.state, auth_service::revocation::ProjectionState::Current);
    revocations.stop().await;
}

//! The mirror during failures. In every test, a revoked token must never be live, and a valid one must be live again
//! within 3 s after all parts are connected.

use shared_claims::issuer::contract;
use shared_claims::revocation::Mirror;
use shared_claims::testing::{Proxy, ProxyMode, eventually};

use super::mirror::says;
use super::*;

#[tokio::test]
async fn a_new_epoch_is_read_from_the_start_and_nothing_is_forgotten() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    list.revoke(revocation_of(1)).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), MirrorSettings::default());
    says(&mirror, 9, Verdict::NotRevoked, SOON).await;
    // Another list replaces the first one. It lacks the first fact, and its only fact has an id that is not
    // after the mirror's position.
    let mut other = ListWriter::new(redis.connection().await, contract::DEFAULT_PREFIX);
    other.commit(revocation_of(2));
    other.rebuild().await;
    says(&mirror, 2, REVOKED, RECOVERY).await;
    assert_eq!(mirror.check(&token(1)), REVOKED);
    assert_eq!(mirror.check(&token(9)), Verdict::NotRevoked);
    assert_eq!((mirror.status().resyncs, mirror.status().lists), (1, 2));
}

#[tokio::test]
async fn a_flushed_redis_proves_nothing() {
    let redis = RedisProcess::start().await;
    let clock = manual_clock();
    let mut list = list_in(&redis).await;
    list.revoke(revocation_of(1)).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    says(&mirror, 9, Verdict::NotRevoked, SOON).await;
    redis::cmd("FLUSHALL").exec_async(&mut redis.connection().await).await.unwrap();
    eventually("the mirror notices the loss", SOON, async || !mirror.status().epoch_known).await;
    clock.advance_ms(LONG_MS);
    assert_eq!(mirror.check(&token(9)), Verdict::Unknown);
    assert_eq!(mirror.check(&token(1)), REVOKED);
    let fresh = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    eventually("the new mirror is connected", SOON, async || fresh.status().connected).await;
    assert_eq!(fresh.check(&token(1)), Verdict::Unknown, "the new mirror does not know the fact");
    list.rebuild().await;
    says(&mirror, 9, Verdict::NotRevoked, RECOVERY).await;
    says(&fresh, 1, REVOKED, RECOVERY).await;
}

#[tokio::test]
async fn an_older_dump_proves_nothing() {
    let mut redis = RedisProcess::start().await;
    let clock = manual_clock();
    let mut list = list_in(&redis).await;
    redis::cmd("SAVE").exec_async(&mut redis.connection().await).await.unwrap();
    list.revoke(revocation_of(1)).await;
    let seen = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    says(&seen, 9, Verdict::NotRevoked, SOON).await;
    redis.restart().await;
    let mut connection = redis.connection().await;
    let epoch: Option<String> = redis::cmd("GET")
        .arg(contract::key(contract::DEFAULT_PREFIX, contract::EPOCH))
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(epoch.is_some(), "the dump contains a list that looks complete");
    // A mirror that starts now cannot know the fact that is not in the dump.
    let fresh = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    eventually("the new mirror has read the list", SOON, async || {
        fresh.status().last_error.is_some_and(|error| error.contains("another Redis process"))
    })
    .await;
    assert_eq!(fresh.check(&token(1)), Verdict::Unknown);
    assert_eq!(seen.check(&token(1)), REVOKED);
    clock.advance_ms(LONG_MS);
    assert_eq!(seen.check(&token(9)), Verdict::Unknown);
    list.reconnect(redis.connection().await);
    list.rebuild().await;
    for mirror in [&seen, &fresh] {
        says(mirror, 9, Verdict::NotRevoked, RECOVERY).await;
        assert_eq!(mirror.check(&token(1)), REVOKED);
    }
}

#[tokio::test]
async fn a_hanging_redis_is_treated_like_a_dead_one() {
    let redis = RedisProcess::start().await;
    let clock = manual_clock();
    let mut list = list_in(&redis).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    redis.pause();
    eventually("the mirror is disconnected", SOON, async || !mirror.status().connected).await;
    clock.advance_ms(LONG_MS);
    assert_eq!(mirror.check(&token(1)), Verdict::Unknown);
    assert!(!mirror.status().current);
    redis.resume();
    list.revoke(revocation_of(1)).await;
    list.renew().await;
    says(&mirror, 1, REVOKED, RECOVERY).await;
    says(&mirror, 2, Verdict::NotRevoked, RECOVERY).await;
}

#[tokio::test]
async fn a_killed_redis_is_found_again() {
    let mut redis = RedisProcess::start().await;
    let clock = manual_clock();
    let mut list = list_in(&redis).await;
    list.revoke(revocation_of(1)).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    says(&mirror, 2, Verdict::NotRevoked, SOON).await;
    redis.kill();
    eventually("the mirror notices the loss", SOON, async || !mirror.status().connected).await;
    assert_eq!(mirror.check(&token(2)), Verdict::NotRevoked, "the last complete list counts until the bound");
    clock.advance_ms(LONG_MS);
    assert_eq!((mirror.check(&token(1)), mirror.check(&token(2))), (REVOKED, Verdict::Unknown));
    redis.restart().await;
    list.reconnect(redis.connection().await);
    list.rebuild().await;
    says(&mirror, 2, Verdict::NotRevoked, RECOVERY).await;
    assert_eq!(mirror.check(&token(1)), REVOKED);
}

#[tokio::test]
async fn no_fault_on_the_wire_lets_a_revoked_token_live() {
    let redis = RedisProcess::start().await;
    let proxy = Proxy::before(&redis.address()).await;
    let clock = manual_clock();
    let mut list = list_in(&redis).await;
    let mirror = Mirror::follow_redis(settings(&proxy.address()), under(&clock));
    says(&mirror, 999, Verdict::NotRevoked, SOON).await;
    let faults = [
        ProxyMode::Refuse,
        ProxyMode::Hang,
        ProxyMode::Delay(Duration::from_millis(1_500)),
        ProxyMode::CutAfter(50),
        ProxyMode::CutAfter(700),
        ProxyMode::Reset,
    ];
    for (number, fault) in (1..).zip(faults) {
        let errors = mirror.status().errors;
        proxy.set(fault);
        list.revoke(revocation_of(number)).await;
        list.renew().await;
        eventually("the mirror notices the fault", SOON, async || mirror.status().errors > errors + 1).await;
        clock.advance_ms(LONG_MS);
        let verdict = mirror.check(&token(number));
        assert_ne!(verdict, Verdict::NotRevoked, "{fault:?}");
        assert_eq!(mirror.check(&token(999)), Verdict::Unknown, "{fault:?}: an old list proves nothing");
        proxy.set(ProxyMode::Forward);
        list.renew().await;
        says(&mirror, 999, Verdict::NotRevoked, RECOVERY).await;
        assert_eq!(mirror.check(&token(number)), REVOKED, "{fault:?}: the list is complete");
    }
}

#[tokio::test]
async fn a_slow_response_does_not_make_an_old_list_current() {
    let redis = RedisProcess::start().await;
    let proxy = Proxy::before(&redis.address()).await;
    let mut list = list_in(&redis).await;
    let mirror = Mirror::follow_redis(settings(&proxy.address()), MirrorSettings::default());
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    proxy.set(ProxyMode::Delay(Duration::from_millis(300)));
    for number in 1..5 {
        list.revoke(revocation_of(number)).await;
        list.renew().await;
        says(&mirror, number, REVOKED, SOON).await;
        assert!(mirror.status().age_ms.unwrap() >= 300, "the age is counted from the request: {mirror:?}");
    }
}

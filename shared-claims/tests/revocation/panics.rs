//! Panics in the task that follows the list: the task is restarted; if it panics again and again, the list becomes too
//! old and tokens are refused.

use shared_claims::revocation::{FeedSettings, Mirror, RedisLookup, RevocationSource};
use shared_claims::testing::{ListWriter, StumblingClock, eventually};

use super::feed_server::FeedServer;
use super::*;

async fn says(source: &RevocationSource, number: u128, verdict: Verdict) {
    eventually(&format!("{verdict:?}: {source:?}"), SOON, || async {
        source.check(&token(number)).await == verdict
    })
    .await;
}

/// After single panics the source recovers. If the panics do not end, the verdict becomes "unknown".
async fn gets_over_panics(
    source: RevocationSource,
    clock: &StumblingClock,
    mut revoke: impl AsyncFnMut(u128),
) {
    says(&source, 99, Verdict::NotRevoked).await;
    for times in 1..=3 {
        let before = source.status().unwrap().restarts;
        clock.stumble(times);
        eventually("the clock has panicked", SOON, || async { clock.left() == 0 }).await;
        revoke(u128::from(times)).await;
        says(&source, u128::from(times), REVOKED).await;
        says(&source, 99, Verdict::NotRevoked).await;
        assert_eq!(source.status().unwrap().restarts, before + u64::from(times));
    }
    clock.stumble(u32::MAX);
    revoke(4).await;
    says(&source, 99, Verdict::Unknown).await;
    assert_ne!(source.check(&token(4)).await, Verdict::NotRevoked);
    assert_eq!(source.check(&token(1)).await, REVOKED, "a known fact still refuses its token");
    assert!(source.status().unwrap().last_error.unwrap().contains("panicked"));
    clock.stumble(0);
    revoke(5).await;
    for number in [4, 5] {
        says(&source, number, REVOKED).await;
    }
    says(&source, 99, Verdict::NotRevoked).await;
}

fn bounded(clock: &Arc<StumblingClock>) -> MirrorSettings {
    MirrorSettings::default().max_staleness(Duration::from_secs(2)).clock(clock.clone())
}

async fn renewing(
    redis: &RedisProcess,
) -> (Arc<tokio::sync::Mutex<ListWriter>>, tokio::task::JoinHandle<()>) {
    let list = Arc::new(tokio::sync::Mutex::new(list_in(redis).await));
    let renewed = Arc::clone(&list);
    let renewing = tokio::spawn(async move {
        loop {
            renewed.lock().await.renew().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    (list, renewing)
}

#[tokio::test]
async fn a_mirror_over_redis_gets_over_panics() {
    let (redis, clock) = (RedisProcess::start().await, StumblingClock::new());
    let (list, renewing) = renewing(&redis).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), bounded(&clock));
    gets_over_panics(mirror.into(), &clock, async |number| {
        list.lock().await.revoke(revocation_of(number)).await;
    })
    .await;
    renewing.abort();
}

#[tokio::test]
async fn a_mirror_over_the_feed_gets_over_panics() {
    let (server, clock) = (FeedServer::start().await, StumblingClock::new());
    let mirror = Mirror::follow_feed(FeedSettings::new(&server.url()).unwrap(), bounded(&clock));
    gets_over_panics(mirror.into(), &clock, async |number| {
        server.change(|feed| feed.facts.push(revocation_of(number)));
    })
    .await;
}

#[tokio::test]
async fn a_lookup_gets_over_panics() {
    let (redis, clock) = (RedisProcess::start().await, StumblingClock::new());
    let (list, renewing) = renewing(&redis).await;
    let lookup = RevocationSource::from(RedisLookup::new(settings(&redis.address()), bounded(&clock)));
    says(&lookup, 99, Verdict::NotRevoked).await;
    clock.stumble(3);
    eventually("the clock has panicked", SOON, || async { clock.left() == 0 }).await;
    list.lock().await.revoke(revocation_of(1)).await;
    says(&lookup, 1, REVOKED).await;
    says(&lookup, 99, Verdict::NotRevoked).await;
    assert_eq!(lookup.status().unwrap().restarts, 3);
    renewing.abort();
}

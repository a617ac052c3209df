//! Facts that somebody wrote to refuse good tokens for ever: believed, and for a limited time.

use shared_claims::revocation::{FeedSettings, Mirror, RedisLookup};

use super::feed_server::FeedServer;
use super::*;

const HOUR_MS: u64 = 3_600_000;

/// A token that is issued when it is looked at.
fn good(clock: &Arc<ManualClock>) -> Marks<'static> {
    use shared_claims::clock::Clock as _;
    let jti = TokenId::new(clock.now_ms(), [7; 10]);
    Marks { jti, sid: None, sub: "user", client_id: "client", kid: "key", exp: clock.now_seconds() + 900 }
}

/// A key that never comes back, and all that a user will ever get.
fn written() -> [Fact; 2] {
    let far_ms = (now_s() + 1_000_000_000) * 1_000;
    [
        Fact { kind: Kind::Key, id: "key".to_owned(), at: None, exp: 4_102_444_800 },
        Fact { kind: Kind::Sub, id: "user".to_owned(), at: Some(far_ms), exp: now_s() + 900 },
    ]
}

async fn outlives(mirror: &Mirror, clock: &Arc<ManualClock>) {
    let comes_to = async |verdict: Verdict| {
        shared_claims::testing::eventually(&format!("{verdict:?}"), SOON, async || {
            mirror.check(&good(clock)) == verdict
        })
        .await;
    };
    comes_to(Verdict::Revoked(Kind::Sub)).await;
    clock.advance_ms(24 * HOUR_MS);
    comes_to(Verdict::Revoked(Kind::Sub)).await;
    clock.advance_ms(HOUR_MS);
    comes_to(Verdict::Revoked(Kind::Key)).await;
    clock.advance_ms(29 * 24 * HOUR_MS);
    comes_to(Verdict::Revoked(Kind::Key)).await;
    clock.advance_ms(24 * HOUR_MS);
    comes_to(Verdict::Live).await;
}

#[tokio::test]
async fn a_mirror_over_redis_outlives_what_was_written() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    let clock = manual_clock();
    for fact in written() {
        list.revoke(fact).await;
    }
    let mirror = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    outlives(&mirror, &clock).await;
}

#[tokio::test]
async fn a_mirror_over_the_feed_outlives_what_was_written() {
    let server = FeedServer::start().await;
    let clock = manual_clock();
    server.change(|feed| feed.facts = written().to_vec());
    let mirror = Mirror::follow_feed(FeedSettings::new(&server.url()).unwrap(), under(&clock));
    outlives(&mirror, &clock).await;
}

/// What stands in Redis counts as long as it stands; what a lookup keeps of it does not count for longer than a fact may.
#[tokio::test]
async fn a_lookup_forgets_a_cut_in_the_future_that_is_gone_from_redis() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    let clock = manual_clock();
    let [_, cut] = written();
    list.revoke(cut).await;
    let lookup = RedisLookup::new(settings(&redis.address()), under(&clock));
    // A token that the lookup met says how long it keeps the fact: the stolen key's owner may choose.
    let endless = Marks { exp: i64::MAX, ..token(1) };
    shared_claims::testing::eventually("it is met", SOON, async || {
        lookup.check(&endless).await == Verdict::Revoked(Kind::Sub)
    })
    .await;
    let () =
        redis::cmd("DEL").arg("{revoked}:sub:user").query_async(&mut redis.connection().await).await.unwrap();
    assert_eq!(lookup.check(&good(&clock)).await, Verdict::Revoked(Kind::Sub));
    clock.advance_ms(24 * HOUR_MS);
    assert_eq!(lookup.check(&good(&clock)).await, Verdict::Revoked(Kind::Sub));
    clock.advance_ms(HOUR_MS);
    shared_claims::testing::eventually("it is forgotten", SOON, async || lookup.status().entries == 0).await;
    // Redis's own clock has not moved, so a token of now is judged by what stands in Redis.
    shared_claims::testing::eventually("a token of now is good", SOON, async || {
        lookup.check(&token(u128::try_from(now_s() * 1_000).unwrap())).await == Verdict::Live
    })
    .await;
}

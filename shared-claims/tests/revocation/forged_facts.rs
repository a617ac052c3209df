//! Facts that a client with write access to the list wrote to refuse valid tokens for ever. They count, but only for a
//! limited time.

use shared_claims::revocation::{FeedSettings, Mirror, RedisLookup};

use super::feed_server::FeedServer;
use super::*;

const HOUR_MS: u64 = 3_600_000;

/// A token that was issued at the clock's current time.
fn good(clock: &Arc<ManualClock>) -> RevocationQuery<'static> {
    use shared_claims::clock::Clock as _;
    let jti = TokenId::new(clock.now_ms(), [7; 10]);
    RevocationQuery {
        jti,
        sid: None,
        sub: "user",
        client_id: "client",
        kid: "key",
        exp: clock.now_seconds() + 900,
    }
}

/// A key that is revoked for ever, and a user with a cut so far in the future that it covers all later tokens.
fn written() -> [RevocationFact; 2] {
    let far_ms = (now_s() + 1_000_000_000) * 1_000;
    [
        RevocationFact { kind: RevocationKind::Key, id: "key".to_owned(), at: None, exp: 4_102_444_800 },
        RevocationFact {
            kind: RevocationKind::Sub,
            id: "user".to_owned(),
            at: Some(far_ms),
            exp: now_s() + 900,
        },
    ]
}

async fn outlives(mirror: &Mirror, clock: &Arc<ManualClock>) {
    let comes_to = async |verdict: Verdict| {
        shared_claims::testing::eventually(&format!("{verdict:?}"), SOON, async || {
            mirror.check(&good(clock)) == verdict
        })
        .await;
    };
    comes_to(Verdict::Revoked(RevocationKind::Sub)).await;
    clock.advance_ms(24 * HOUR_MS);
    comes_to(Verdict::Revoked(RevocationKind::Sub)).await;
    clock.advance_ms(HOUR_MS);
    comes_to(Verdict::Revoked(RevocationKind::Key)).await;
    clock.advance_ms(29 * 24 * HOUR_MS);
    comes_to(Verdict::Revoked(RevocationKind::Key)).await;
    clock.advance_ms(24 * HOUR_MS);
    comes_to(Verdict::NotRevoked).await;
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

/// A fact in Redis counts for as long as it is there. A fact that a lookup has cached counts for no longer than its
/// kind may.
#[tokio::test]
async fn a_lookup_forgets_a_cut_in_the_future_that_is_gone_from_redis() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    let clock = manual_clock();
    let [_, cut] = written();
    list.revoke(cut).await;
    let lookup = RedisLookup::new(settings(&redis.address()), under(&clock));
    // A lookup caches a fact until the token's `exp`. Somebody with the stolen signing key can choose any `exp`.
    let endless = RevocationQuery { exp: i64::MAX, ..token(1) };
    shared_claims::testing::eventually("the lookup has cached the fact", SOON, async || {
        lookup.check(&endless).await == Verdict::Revoked(RevocationKind::Sub)
    })
    .await;
    let () =
        redis::cmd("DEL").arg("{revoked}:sub:user").query_async(&mut redis.connection().await).await.unwrap();
    assert_eq!(lookup.check(&good(&clock)).await, Verdict::Revoked(RevocationKind::Sub));
    clock.advance_ms(24 * HOUR_MS);
    assert_eq!(lookup.check(&good(&clock)).await, Verdict::Revoked(RevocationKind::Sub));
    clock.advance_ms(HOUR_MS);
    shared_claims::testing::eventually("it is dropped", SOON, async || lookup.status().entries == 0).await;
    // Redis's own clock has not moved. A token issued now is therefore compared with the facts in Redis only.
    shared_claims::testing::eventually("a token issued now is live", SOON, async || {
        lookup.check(&token(u128::try_from(now_s() * 1_000).unwrap())).await == Verdict::NotRevoked
    })
    .await;
}

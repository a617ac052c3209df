//! Tests of a full Redis: the list is still maintained, and where that is impossible, verifiers refuse tokens.

use std::time::Duration;

use auth_service::revocation::{ProjectionSettings, ProjectionState, Revocations};
use shared_claims::revocation::{
    Mirror, MirrorSettings, RedisLookup, RedisSettings, RevocationKind, Verdict,
};

use crate::helpers::{World, eventually, session};
use crate::topology::token;

const REVOKED: Verdict = Verdict::Revoked(RevocationKind::Sid);
const GOOD: u128 = 1_000;

/// A short bound, so that a missing renewal is noticed soon.
const BOUND: Duration = Duration::from_secs(3);

struct Parties {
    world: World,
    issuer: Revocations,
    mirror: Mirror,
    lookup: RedisLookup,
}

impl Parties {
    async fn start() -> Self {
        let world = World::sqlite().await;
        let issuer =
            world.start_with(ProjectionSettings { list_ttl: BOUND, ..world.settings() }).await.unwrap();
        let settings = MirrorSettings::default().max_staleness(BOUND);
        let redis = RedisSettings::new(&world.redis.url()).unwrap();
        let mirror = Mirror::follow_redis(redis.clone(), settings.clone());
        let lookup = RedisLookup::new(redis, settings);
        let parties = Self { world, issuer, mirror, lookup };
        parties.both_say(GOOD, Verdict::NotRevoked).await;
        parties
    }

    async fn revoke(&self, id: u128) {
        let seq = self.world.commit(session(id)).await;
        self.issuer.announce(seq).await;
    }

    async fn said(&self, id: u128) -> [Verdict; 2] {
        [self.mirror.check(&token(id)), self.lookup.check(&token(id)).await]
    }

    async fn both_say(&self, id: u128, verdict: Verdict) {
        eventually(&format!("{id} is {verdict:?}"), async || self.said(id).await == [verdict; 2]).await;
    }

    fn state(&self) -> ProjectionState {
        self.issuer.status().unwrap().state
    }

    /// Checks that valid tokens are accepted at every check, for several times the bound.
    async fn goes_on(&self) {
        let renewals = || self.issuer.status().unwrap().renewals;
        let before = renewals();
        eventually("renewed for longer than the bound", async || {
            assert_eq!(
                self.said(GOOD).await,
                [Verdict::NotRevoked; 2],
                "{:?} {:?}",
                self.mirror,
                self.lookup
            );
            renewals() > before + 6
        })
        .await;
    }
}

async fn set_maxmemory(world: &World, value: &str) {
    let mut redis = world.connection().await;
    let () =
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(value).query_async(&mut redis).await.unwrap();
}

/// Writes keys of another program until Redis refuses, or at most this many.
async fn fill(world: &World, most: usize) {
    let mut redis = world.connection().await;
    for i in 0..most {
        let mut filler = redis::cmd("SET");
        filler.arg(format!("filler:{i}")).arg("x".repeat(20_000));
        if filler.query_async::<()>(&mut redis).await.is_err() {
            return;
        }
    }
}

#[actix_web::test]
async fn while_others_fill_redis_good_tokens_are_accepted_and_revoked_ones_refused() {
    let parties = Parties::start().await;
    // A megabyte beyond the limit. At the limit itself, Redis would be full at one moment and not at the next.
    fill(&parties.world, 150).await;
    set_maxmemory(&parties.world, "3mb").await;
    eventually("noticed", async || parties.issuer.status().unwrap().is_full).await;
    // The figure for alerts, which rises before Redis is full.
    assert!(parties.issuer.status().unwrap().memory_permille >= 1000);
    parties.goes_on().await;
    assert_eq!(parties.state(), ProjectionState::Current);
    parties.revoke(1).await;
    parties.both_say(1, REVOKED).await;
    parties.goes_on().await;

    // A lost list is rebuilt in a full Redis too.
    let epoch = parties.world.get("epoch").await.unwrap();
    let mut redis = parties.world.connection().await;
    let () = redis::cmd("DEL").arg("{revoked}:epoch").query_async(&mut redis).await.unwrap();
    eventually("rebuilt", async || parties.world.get("epoch").await.is_some_and(|now| now != epoch)).await;
    parties.both_say(GOOD, Verdict::NotRevoked).await;
    parties.both_say(1, REVOKED).await;
    parties.issuer.stop().await;
}

#[actix_web::test]
async fn while_a_fact_cannot_be_delivered_nothing_is_proven() {
    let parties = Parties::start().await;
    // Far beyond the bound up to which the list may be written.
    fill(&parties.world, 1_500).await;
    set_maxmemory(&parties.world, "3mb").await;
    eventually("noticed", async || parties.issuer.status().unwrap().is_full).await;
    parties.goes_on().await;

    parties.revoke(1).await;
    eventually("it is told", async || parties.state() == ProjectionState::Full).await;
    parties.both_say(1, Verdict::Unknown).await;
    parties.both_say(GOOD, Verdict::Unknown).await;
    assert_eq!(parties.world.stream().await, Vec::<String>::new());

    set_maxmemory(&parties.world, "0").await;
    parties.both_say(1, REVOKED).await;
    parties.both_say(GOOD, Verdict::NotRevoked).await;
    eventually("it is well", async || parties.state() == ProjectionState::Current).await;
    parties.issuer.stop().await;
}

//! Tests that the Redis users of the auth-service and of verifiers need the rights in `docs/revocation.md`, and have
//! no others.

use auth_service::revocation::{ProjectionSettings, ProjectionState};
use redis::aio::MultiplexedConnection;
use shared_claims::revocation::{
    Mirror, MirrorSettings, RedisLookup, RedisSettings, RevocationKind, Verdict,
};
use shared_claims::testing::RedisProcess;

use crate::helpers::{World, eventually, session};
use crate::topology::token;

const DOCUMENT: &str = include_str!("../../../docs/revocation.md");
const RUSTDOC: &str = include_str!("../../../shared-claims/src/revocation/redis/settings.rs");

/// The ACL rules that follow `introduction` in the text, between backticks.
fn documented<'a>(text: &'a str, introduction: &str) -> Vec<&'a str> {
    let (_, rest) = text.split_once(&format!("{introduction}: `")).unwrap();
    let rules = rest.split_once('`').unwrap().0.split_whitespace();
    rules.filter(|word| *word != "///").collect()
}

/// The ACL rules in the document for one of the two users.
pub(crate) fn documented_for(introduction: &str) -> Vec<&'static str> {
    documented(DOCUMENT, introduction)
}

/// Creates both users with the documented rules.
pub(crate) async fn let_in(redis: &RedisProcess) {
    for (name, introduction) in
        [("issuer", "An ACL for the auth-service"), ("verifier", "An ACL for a verifier")]
    {
        let mut user = redis::cmd("ACL");
        user.arg("SETUSER").arg(name).arg("on").arg(">secret").arg(documented(DOCUMENT, introduction));
        user.query_async::<()>(&mut redis.connection().await).await.unwrap();
    }
}

#[test]
fn all_documents_name_the_same_rights_of_a_verifier() {
    let told = documented(RUSTDOC, "/// too");
    assert_eq!(told, documented(DOCUMENT, "An ACL for a verifier"));
}

#[tokio::test]
async fn the_documented_rights_suffice() {
    let world = World::sqlite().await;
    let_in(&world.redis).await;
    let address = world.redis.address();
    let url = format!("redis://issuer:secret@{address}");
    let issuer = world.start_with(ProjectionSettings { url, ..world.settings() }).await.unwrap();
    let reader = RedisSettings::new(&format!("redis://verifier:secret@{address}")).unwrap();
    let mirror = Mirror::follow_redis(reader.clone(), MirrorSettings::default());
    let lookup = RedisLookup::new(reader, MirrorSettings::default());
    let both_say = async |id: u128, verdict: Verdict| {
        eventually(&format!("{id} is {verdict:?}"), async || {
            mirror.check(&token(id)) == verdict && lookup.check(&token(id)).await == verdict
        })
        .await;
    };
    let seq = world.commit(session(1)).await;
    issuer.announce(seq).await;
    both_say(1, Verdict::Revoked(RevocationKind::Sid)).await;
    both_say(9, Verdict::NotRevoked).await;

    // As the default user, because the auth-service's user must not flush.
    let mut redis = world.connection().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.unwrap();
    eventually("the list is rebuilt", async || world.stream().await == ["1-0"]).await;
    eventually("and proven", async || issuer.status().unwrap().state == ProjectionState::Current).await;
    both_say(9, Verdict::NotRevoked).await;
    issuer.stop().await;
}

async fn connected_as(user: &str, redis: &RedisProcess) -> MultiplexedConnection {
    let url = format!("redis://{user}:secret@{}", redis.address());
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn must_not(user: &str, redis: &RedisProcess, commands: &[&str]) {
    let mut connection = connected_as(user, redis).await;
    for command in commands {
        let mut words = command.split(' ');
        let mut call = redis::cmd(words.next().unwrap());
        call.arg(words.collect::<Vec<_>>());
        let refused = call.query_async::<redis::Value>(&mut connection).await.unwrap_err();
        assert_eq!(refused.code(), Some("NOPERM"), "{user}: {command}: {refused}");
    }
}

/// Commands on the server and on keys outside the list, which neither user may run.
const OF_NOBODY: [&str; 24] = [
    "FLUSHALL",
    "FLUSHDB",
    "KEYS *",
    "SCAN 0",
    "RANDOMKEY",
    "DBSIZE",
    "SWAPDB 0 1",
    "FUNCTION FLUSH",
    "FUNCTION LIST",
    "SCRIPT FLUSH",
    "ACL LIST",
    "ACL SETUSER issuer on",
    "CONFIG SET maxmemory 1",
    "CLIENT LIST",
    "CLIENT KILL ID 1",
    "CLIENT PAUSE 1",
    "CLIENT NO-EVICT on",
    "MONITOR",
    "SHUTDOWN NOSAVE",
    "REPLICAOF NO ONE",
    "PUBLISH news x",
    "GET other",
    "SET other x",
    "GET {other}:epoch",
];

#[tokio::test]
async fn the_documented_rights_allow_nothing_else() {
    let redis = RedisProcess::start().await;
    let_in(&redis).await;
    for user in ["issuer", "verifier"] {
        must_not(user, &redis, &OF_NOBODY).await;
    }
    let writing = [
        "SET {revoked}:epoch x",
        "DEL {revoked}:epoch",
        "EXPIRE {revoked}:epoch 1",
        "XADD {revoked}:events * kind key",
        "XTRIM {revoked}:events MAXLEN 0",
        "RENAME {revoked}:events {revoked}:x",
        "EVAL return 0",
    ];
    must_not("verifier", &redis, &writing).await;
    must_not("verifier", &redis, &["GET {throttle}:x", "SET {throttle}:x 1", "ZCARD {throttle}:index"]).await;
}

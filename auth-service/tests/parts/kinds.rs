//! A26: a fact of each kind reaches verifiers that run already, and those that start later, and spares what it does not
//! concern.

use shared_claims::claims::{SessionId, TokenId};
use shared_claims::revocation::{
    Fact, Kind, Marks, Mirror, MirrorSettings, RedisLookup, RedisSettings, Revocation, Verdict,
};

use crate::helpers::{World, eventually, now_ms};

const SESSION: &str = "0198d2c4-0000-7000-8000-00000000005e";
const USER: &str = "0198d2c4-0000-7000-8000-000000000001";

/// A mirror and a lookup.
fn verifiers(world: &World) -> [Revocation; 2] {
    let redis = RedisSettings::new(&world.redis.url()).unwrap();
    let mirror = Mirror::follow_redis(redis.clone(), MirrorSettings::default());
    [mirror.into(), RedisLookup::new(redis, MirrorSettings::default()).into()]
}

async fn all_say(verifiers: &[Revocation], marks: &Marks<'_>, verdict: Verdict) {
    for verifier in verifiers {
        eventually(&format!("{verdict:?} of {marks:?}"), async || verifier.check(marks).await == verdict)
            .await;
    }
}

#[actix_web::test]
async fn each_kind_of_fact_reaches_verifiers_that_run_and_that_start_later() {
    let world = World::sqlite().await;
    let revocations = world.start().await;
    let running = verifiers(&world);
    let (issued_ms, exp) = (now_ms(), now_ms() / 1_000 + 900);
    let token = |after_ms: i64| Marks {
        jti: TokenId::new(issued_ms + after_ms, [7; 10]),
        sid: None,
        sub: "another",
        client_id: "other",
        kid: "kid-0",
        exp,
    };
    let concerned = [
        (Kind::Jti, token(0).jti.to_string(), token(0)),
        (Kind::Sid, SESSION.to_owned(), Marks { sid: SessionId::parse(SESSION).ok(), ..token(1) }),
        (Kind::Sub, USER.to_owned(), Marks { sub: USER, ..token(2) }),
        (Kind::Client, "app".to_owned(), Marks { client_id: "app", ..token(3) }),
        (Kind::Key, "kid-1".to_owned(), Marks { kid: "kid-1", ..token(4) }),
    ];
    for (kind, id, marks) in concerned {
        all_say(&running, &marks, Verdict::Live).await;
        // The cut is the very millisecond of the token.
        let at = kind.has_cut().then(|| marks.jti.time_ms());
        let seq = world.commit(Fact { kind, id, at, exp: exp + 60 }).await;
        revocations.announce(seq).await;
        let later = Marks { jti: TokenId::new(marks.jti.time_ms() + 1, [0; 10]), ..marks };
        for verifiers in [&running, &verifiers(&world)] {
            all_say(verifiers, &marks, Verdict::Revoked(kind)).await;
            all_say(verifiers, &token(9), Verdict::Live).await;
            if kind.has_cut() {
                all_say(verifiers, &later, Verdict::Live).await;
            }
        }
    }
    revocations.stop().await;
}

//! The lookup in Redis. It gives the same guarantees as a mirror.

use redis::AsyncTypedCommands as _;
use shared_claims::issuer::contract;
use shared_claims::revocation::RedisLookup;
use shared_claims::testing::{Proxy, ProxyMode, eventually};
use tokio::time::Instant;

use super::*;

async fn says(lookup: &RedisLookup, number: u128, verdict: Verdict, limit: Duration) {
    let waiting = async {
        while lookup.check(&token(number)).await != verdict {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let told = tokio::time::timeout(limit, waiting).await;
    assert!(told.is_ok(), "not {verdict:?} for {number} within {limit:?}: {lookup:?}");
}

#[tokio::test]
async fn each_kind_of_fact_is_found() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    let issued_ms = 1_790_000_000_000_i64;
    let jti = |ms: i64| TokenId::new(ms, [1; 10]);
    let sid = SessionId::from_bytes([77; 16]);
    let query = |sub, client_id, kid, sid| RevocationQuery {
        jti: jti(issued_ms),
        sid,
        sub,
        client_id,
        kid,
        exp: now_s() + 900,
    };
    let fact = |kind, id: &str, at| RevocationFact { kind, id: id.to_owned(), at, exp: now_s() + 960 };
    for (fact, concerned) in [
        (fact(RevocationKind::Sid, &sid.to_string(), None), query("a", "b", "c", Some(sid))),
        (fact(RevocationKind::Sub, "u", Some(issued_ms)), query("u", "b", "c", None)),
        (fact(RevocationKind::Client, "d", Some(issued_ms)), query("a", "d", "c", None)),
        (fact(RevocationKind::Key, "k", None), query("a", "b", "k", None)),
        (fact(RevocationKind::Jti, &jti(issued_ms).to_string(), None), query("x", "y", "z", None)),
    ] {
        assert_eq!(lookup.check(&concerned).await, Verdict::NotRevoked, "{fact:?}");
        let kind = fact.kind;
        list.revoke(fact).await;
        assert_eq!(lookup.check(&concerned).await, Verdict::Revoked(kind));
        let later = RevocationQuery { jti: jti(issued_ms + 1), ..concerned };
        if kind.has_cut() {
            assert_eq!(lookup.check(&later).await, Verdict::NotRevoked, "issued after the cut");
        }
    }
}

#[tokio::test]
async fn without_a_list_the_verdict_is_unknown() {
    let redis = RedisProcess::start().await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    assert_eq!(lookup.check(&token(1)).await, Verdict::Unknown, "there is no list");
    let mut list = list_in(&redis).await;
    assert_eq!(lookup.check(&token(1)).await, Verdict::NotRevoked);
    let now_ms = list.now_ms().await;
    let mut connection = redis.connection().await;
    for as_of in [(now_ms - 31_000).to_string(), (now_ms + 60_000).to_string(), "soon".to_owned()] {
        connection.set(contract::key(contract::DEFAULT_PREFIX, contract::AS_OF), &as_of).await.unwrap();
        assert_eq!(lookup.check(&token(1)).await, Verdict::Unknown, "{as_of}");
    }
    connection.del(contract::key(contract::DEFAULT_PREFIX, contract::AS_OF)).await.unwrap();
    assert_eq!(lookup.check(&token(1)).await, Verdict::Unknown);
    list.renew().await;
    assert_eq!(lookup.check(&token(1)).await, Verdict::NotRevoked);
    connection
        .set(contract::fact_key(contract::DEFAULT_PREFIX, RevocationKind::Sub, "user"), "garbage")
        .await
        .unwrap();
    assert_eq!(lookup.check(&token(1)).await, Verdict::Unknown, "an unreadable fact may revoke it");
}

#[tokio::test]
async fn what_redis_may_have_expired_by_its_own_clock_is_not_live() {
    let redis = RedisProcess::start().await;
    let _list = list_in(&redis).await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    // By Redis's clock this token expired over a minute ago, so its facts may have expired too, whatever the verifier's
    // clock says.
    let ended = RevocationQuery { exp: now_s() - 61, ..token(1) };
    assert_eq!(lookup.check(&ended).await, Verdict::Unknown);
    assert_eq!(lookup.check(&RevocationQuery { exp: now_s() - 30, ..token(1) }).await, Verdict::NotRevoked);
}

#[tokio::test]
async fn a_fact_that_was_found_stays_found() {
    let mut redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    redis::cmd("SAVE").exec_async(&mut redis.connection().await).await.unwrap();
    list.revoke(revocation_of(1)).await;
    list.revoke(revocation_of(2)).await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    assert_eq!(lookup.check(&token(1)).await, REVOKED);
    // Redis comes back with an older list, which lacks the facts and looks complete.
    redis.restart().await;
    eventually("the lookup is connected to the new process", SOON, async || lookup.status().connected).await;
    assert_eq!(lookup.check(&token(1)).await, REVOKED, "the lookup has refused the token before");
    assert_eq!(lookup.check(&token(2)).await, Verdict::Unknown, "the epoch is of another process");
    redis.kill();
    assert_eq!(lookup.check(&token(1)).await, REVOKED, "also without Redis");
    redis.restart().await;
    list.reconnect(redis.connection().await);
    list.rebuild().await;
    says(&lookup, 2, REVOKED, RECOVERY).await;
    says(&lookup, 3, Verdict::NotRevoked, RECOVERY).await;
}

#[tokio::test]
async fn a_hanging_redis_costs_one_second_once() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    assert_eq!(lookup.check(&token(1)).await, Verdict::NotRevoked);
    redis.pause();
    let asked = Instant::now();
    assert_eq!(lookup.check(&token(1)).await, Verdict::Unknown);
    assert!(asked.elapsed() < Duration::from_millis(1_300), "{:?}", asked.elapsed());
    eventually("the lookup knows that Redis is away", SOON, async || {
        let asked = Instant::now();
        lookup.check(&token(1)).await == Verdict::Unknown && asked.elapsed() < Duration::from_millis(50)
    })
    .await;
    let asked = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(lookup.check(&token(1)).await, Verdict::Unknown);
    }
    assert!(asked.elapsed() < Duration::from_secs(1), "checks fail at once: {:?}", asked.elapsed());
    redis.resume();
    list.renew().await;
    says(&lookup, 1, Verdict::NotRevoked, RECOVERY).await;
}

#[tokio::test]
async fn a_connection_that_was_cut_is_replaced_without_a_refusal() {
    let redis = RedisProcess::start().await;
    let _list = list_in(&redis).await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    assert_eq!(lookup.check(&token(1)).await, Verdict::NotRevoked);
    let mut connection = redis.connection().await;
    for _ in 0..20 {
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec_async(&mut connection).await.unwrap();
        assert_eq!(
            lookup.check(&token(1)).await,
            Verdict::NotRevoked,
            "the lookup is connected to Redis again"
        );
    }
}

#[tokio::test]
async fn no_fault_on_the_wire_lets_a_revoked_token_live() {
    let redis = RedisProcess::start().await;
    let proxy = Proxy::before(&redis.address()).await;
    let mut list = list_in(&redis).await;
    let lookup = RedisLookup::new(settings(&proxy.address()), MirrorSettings::default());
    assert_eq!(lookup.check(&token(999)).await, Verdict::NotRevoked);
    let faults = [
        ProxyMode::Refuse,
        ProxyMode::Hang,
        ProxyMode::Delay(Duration::from_millis(1_200)),
        ProxyMode::CutAfter(20),
        ProxyMode::Reset,
    ];
    for (number, fault) in (1..).zip(faults) {
        proxy.set(fault);
        list.revoke(revocation_of(number)).await;
        for _ in 0..5 {
            let asked = Instant::now();
            assert_ne!(lookup.check(&token(number)).await, Verdict::NotRevoked, "{fault:?}");
            assert_ne!(lookup.check(&token(999)).await, Verdict::NotRevoked, "{fault:?}");
            assert!(asked.elapsed() < Duration::from_millis(2_500), "{fault:?} {:?}", asked.elapsed());
        }
        proxy.set(ProxyMode::Forward);
        list.renew().await;
        says(&lookup, 999, Verdict::NotRevoked, RECOVERY).await;
        assert_eq!(lookup.check(&token(number)).await, REVOKED, "{fault:?}");
    }
}

#[tokio::test]
async fn many_checks_share_one_connection() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    list.revoke(revocation_of(1)).await;
    let lookup = RedisLookup::new(settings(&redis.address()), MirrorSettings::default());
    let ask = |number| {
        let lookup = lookup.clone();
        tokio::spawn(async move { lookup.check(&token(number)).await })
    };
    let asked: Vec<_> = (0..500).map(|n| (n % 2, ask(n % 2))).collect();
    for (number, verdict) in asked {
        let expected = if number == 1 { REVOKED } else { Verdict::NotRevoked };
        assert_eq!(verdict.await.unwrap(), expected);
    }
    let mut connection = redis.connection().await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut connection).await.unwrap();
    assert!(clients.lines().count() <= 3, "{clients}");
}

//! The mirror while Redis works, and how it interprets the content of the list.

use redis::AsyncTypedCommands as _;
use shared_claims::issuer::contract;
use shared_claims::revocation::Mirror;
use shared_claims::testing::eventually;

use super::*;

/// Waits until the mirror gives this verdict about the token.
pub(crate) async fn says(mirror: &Mirror, number: u128, verdict: Verdict, limit: Duration) {
    let waiting = async {
        while mirror.check(&token(number)) != verdict {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let told = tokio::time::timeout(limit, waiting).await;
    assert!(told.is_ok(), "not {verdict:?} for {number} within {limit:?}: {mirror:?}");
}

#[tokio::test]
async fn it_follows_within_milliseconds() {
    let redis = RedisProcess::start().await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), MirrorSettings::default());
    assert_eq!(mirror.check(&token(1)), Verdict::Unknown, "nothing is known before the first complete list");
    let mut list = list_in(&redis).await;
    says(&mirror, 1, Verdict::NotRevoked, RECOVERY).await;
    let mut took = Vec::new();
    for number in 1..=20 {
        list.revoke(revocation_of(number)).await;
        let asked = tokio::time::Instant::now();
        says(&mirror, number, REVOKED, Duration::from_secs(1)).await;
        took.push(asked.elapsed());
    }
    took.sort();
    assert!(took[took.len() / 2] < Duration::from_millis(250), "{took:?}");
    let status = mirror.status();
    assert!(status.connected && status.current && status.epoch_known, "{status:?}");
    assert_eq!((status.source, status.entries, status.lists, status.resyncs), ("redis", 20, 1, 0));
    assert_eq!(status.last_error, None);
}

#[tokio::test]
async fn a_long_list_is_read_in_pages() {
    let redis = RedisProcess::start().await;
    let mut list = ListWriter::new(redis.connection().await, contract::DEFAULT_PREFIX);
    for number in 1..=3_500 {
        list.commit(revocation_of(number));
    }
    list.rebuild().await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), MirrorSettings::default());
    says(&mirror, 9_999, Verdict::NotRevoked, SOON).await;
    assert_eq!(mirror.status().entries, 3_500);
    for number in [1, 1_000, 1_001, 2_000, 3_500] {
        assert_eq!(mirror.check(&token(number)), REVOKED);
    }
}

#[tokio::test]
async fn prefix_database_and_user_are_those_of_the_settings() {
    let redis = RedisProcess::start().await;
    let client = redis::Client::open(format!("redis://{}/5", redis.address())).unwrap();
    let mut list = ListWriter::new(client.get_multiplexed_async_connection().await.unwrap(), "{mine}");
    list.commit(revocation_of(1));
    list.rebuild().await;
    let rights = "on >pa%ss +@connection +info +time +get +mget +xrange +xread +multi +exec %R~{mine}:*";
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("reader").arg(rights.split(' ').collect::<Vec<_>>());
    acl.exec_async(&mut redis.connection().await).await.unwrap();
    let reader = RedisSettings::new(&format!("redis://reader:pa%25ss@{}/5", redis.address()))
        .unwrap()
        .prefix("{mine}");
    let mirror = Mirror::follow_redis(reader.clone(), MirrorSettings::default());
    says(&mirror, 2, Verdict::NotRevoked, SOON).await;
    assert_eq!(mirror.check(&token(1)), REVOKED);
    let lookup = shared_claims::revocation::RedisLookup::new(reader, MirrorSettings::default());
    assert_eq!(lookup.check(&token(1)).await, REVOKED);
    assert_eq!(lookup.check(&token(2)).await, Verdict::NotRevoked);
}

#[tokio::test]
async fn errors_are_reported_without_secrets() {
    let redis = RedisProcess::start_with(&["--requirepass", "right"]).await;
    let wrong = RedisSettings::new(&format!("redis://:hunter2@{}", redis.address())).unwrap();
    let mirror = Mirror::follow_redis(wrong, MirrorSettings::default());
    eventually("the status contains an error", SOON, async || mirror.status().last_error.is_some()).await;
    let status = mirror.status();
    assert!(!status.connected && !status.current && status.age_ms.is_none(), "{status:?}");
    assert!(!format!("{status:?} {mirror:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_list_that_is_not_renewed_grows_old() {
    let redis = RedisProcess::start().await;
    let clock = manual_clock();
    let mut list = list_in(&redis).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), under(&clock));
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    // The mirror reads the list again and again, and each time the list says that it was complete 31 s ago.
    let now_ms = list.now_ms().await;
    let mut connection = redis.connection().await;
    connection.set(contract::key(contract::DEFAULT_PREFIX, contract::AS_OF), now_ms - 31_000).await.unwrap();
    clock.advance_ms(LONG_MS);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(mirror.check(&token(1)), Verdict::Unknown);
    list.renew().await;
    says(&mirror, 1, Verdict::NotRevoked, RECOVERY).await;
}

#[tokio::test]
async fn a_list_with_a_future_as_of_proves_nothing() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    let ahead_ms = list.now_ms().await + 3_600_000;
    list.renew_as_of(ahead_ms).await;
    let mirror = Mirror::follow_redis(settings(&redis.address()), MirrorSettings::default());
    eventually("the status contains the error", SOON, async || {
        mirror.status().last_error.is_some_and(|error| error.contains("clock was set back"))
    })
    .await;
    assert_eq!(mirror.check(&token(1)), Verdict::Unknown);
}

#[tokio::test]
async fn a_malformed_entry_is_not_passed_over() {
    let redis = RedisProcess::start().await;
    let mut list = list_in(&redis).await;
    list.revoke(revocation_of(1)).await;
    let mut connection = redis.connection().await;
    let mut add = redis::cmd("XADD");
    add.arg(contract::key(contract::DEFAULT_PREFIX, contract::EVENTS))
        .arg("2-0")
        .arg("kind")
        .arg("device")
        .arg("id")
        .arg("x")
        .arg("exp")
        .arg(1);
    add.exec_async(&mut connection).await.unwrap();
    let mirror = Mirror::follow_redis(settings(&redis.address()), MirrorSettings::default());
    eventually("the status contains the error", SOON, async || mirror.status().malformed > 0).await;
    assert_eq!(mirror.check(&token(1)), REVOKED, "the well-formed entries count");
    assert_eq!(mirror.check(&token(2)), Verdict::Unknown);
    list.rebuild().await;
    says(&mirror, 2, Verdict::NotRevoked, RECOVERY).await;
}

#[tokio::test]
async fn background_tasks_stop_with_the_last_handle() {
    let redis = RedisProcess::start().await;
    let mut connection = redis.connection().await;
    let mut clients = async || {
        let list: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut connection).await.unwrap();
        list.lines().count()
    };
    assert_eq!(clients().await, 1);
    let mirror = Mirror::follow_redis(settings(&redis.address()), MirrorSettings::default());
    let other = mirror.clone();
    while clients().await < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(mirror);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(clients().await, 3, "one clone of the mirror is left");
    drop(other);
    let gone = async {
        while clients().await > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the connections are closed");
}

//! SECURITY-CASES A6, A20 and A28: the key set is fetched over HTTP, from an issuer that works and from one that
//! misbehaves.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use shared_claims::actix::BearerAuth;
use shared_claims::clock::{ManualClock, SystemClock};
use shared_claims::testing::{Behaviour, TestIssuer, TestKey};
use shared_claims::verifier::{BuildError, Missing, Reason, Verifier, VerifierBuilder, VerifyError};
use tokio::time::{Instant, sleep};

use crate::support::{AUDIENCE, Service, clock};

const UNKNOWN_KEY: Result<(), VerifyError> = Err(VerifyError::Invalid(Reason::UnknownKey));
const NO_KEYS: Result<(), VerifyError> = Err(VerifyError::Unavailable(Missing::Keys));

fn following(issuer: &str, clock: &Arc<ManualClock>) -> VerifierBuilder {
    Verifier::builder(issuer).audience(AUDIENCE).without_revocation().clock(clock.clone())
}

fn token(issuer: &TestIssuer, clock: &Arc<ManualClock>, key: usize) -> String {
    TestKey::shared(key).token(issuer.url(), AUDIENCE, &**clock).sign()
}

async fn outcome(verifier: &Verifier, token: &str) -> Result<(), VerifyError> {
    verifier.verify(token).await.map(|_| ())
}

/// Waits until `check` holds, for at most `limit`. Returns how long it took.
async fn eventually(limit: Duration, mut check: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !check().await {
        assert!(start.elapsed() < limit, "the condition did not hold within {limit:?}");
        sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn the_keys_are_found_by_discovery() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(issuer.url(), &clock).build().await.unwrap();
    assert_eq!(outcome(&verifier, &token(&issuer, &clock, 0)).await, Ok(()));
    assert_eq!((issuer.fetches().discovery, issuer.fetches().keys), (1, 1));
    let status = verifier.status();
    assert!(status.is_ready());
    assert_eq!((status.keys, status.keys_age_ms, status.keys_error), (1, Some(0), None));
}

#[tokio::test]
async fn the_keys_may_be_named_instead() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let url = issuer.jwks_url();
    let verifier = following(issuer.url(), &clock).jwks_url(url).build().await.unwrap();
    assert_eq!(outcome(&verifier, &token(&issuer, &clock, 0)).await, Ok(()));
    assert_eq!((issuer.fetches().discovery, issuer.fetches().keys), (0, 1));
    let file = following(issuer.url(), &clock).jwks_url("file:///etc/passwd");
    assert!(matches!(file.build().await, Err(BuildError::JwksUrl(_))));
}

#[tokio::test]
async fn the_discovery_document_must_be_the_issuers_own() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let url = issuer.url();
    let jwks = issuer.jwks_url();
    for document in [
        format!(r#"{{"issuer":"{url}/","jwks_uri":"{jwks}"}}"#),
        format!(r#"{{"issuer":"http://other","jwks_uri":"{jwks}"}}"#),
        format!(r#"{{"issuer":["{url}"],"jwks_uri":"{jwks}"}}"#),
        format!(r#"{{"jwks_uri":"{jwks}"}}"#),
        format!(r#"{{"issuer":"{url}"}}"#),
        format!(r#"{{"issuer":"{url}","jwks_uri":"file:///etc/passwd"}}"#),
        format!(r#"{{"issuer":"{url}","jwks_uri":"/jwks.json"}}"#),
    ] {
        issuer.discovery_behaves(Behaviour::Text(document.clone()));
        let verifier = following(url, &clock).build().await.unwrap();
        assert_eq!(outcome(&verifier, &token(&issuer, &clock, 0)).await, NO_KEYS, "{document}");
        assert!(verifier.status().keys_error.is_some(), "{document}");
    }
    assert_eq!(issuer.fetches().keys, 0);
}

#[tokio::test]
async fn a_verifier_starts_without_its_issuer_and_finds_it_within_three_seconds() {
    let clock = clock();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let verifier = following(&format!("http://{address}"), &clock).build().await.unwrap();
    sleep(Duration::from_millis(1500)).await;
    assert!(!verifier.status().keys_loaded);
    let issuer = TestIssuer::start_on(TcpListener::bind(address).unwrap(), [TestKey::shared(0)]);
    let good = token(&issuer, &clock, 0);
    eventually(Duration::from_secs(3), async || outcome(&verifier, &good).await == Ok(())).await;
}

#[tokio::test]
async fn an_issuer_that_hung_is_found_within_three_seconds() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    issuer.discovery_behaves(Behaviour::Hang);
    let verifier = following(issuer.url(), &clock).build().await.unwrap();
    let good = token(&issuer, &clock, 0);
    assert_eq!(outcome(&verifier, &good).await, NO_KEYS);
    issuer.discovery_behaves(Behaviour::Well);
    eventually(Duration::from_secs(3), async || outcome(&verifier, &good).await == Ok(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_unknown_kids_cause_one_fetch_per_cooldown_and_delay_nobody() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(issuer.url(), &clock).token_cache_entries(0).build().await.unwrap();
    let good = token(&issuer, &clock, 0);
    let before = issuer.fetches().keys;
    // The only request for keys is slow, and valid tokens must not wait for it.
    issuer.keys_behave(Behaviour::Slowly(Duration::from_millis(500)));
    let strangers: Vec<_> = (0..16)
        .map(|worker| {
            let verifier = verifier.clone();
            let unsigned = TestKey::shared(1).token(issuer.url(), AUDIENCE, &*clock);
            tokio::spawn(async move {
                for n in 0..63 {
                    let token = unsigned.clone().header("kid", format!("unknown-{worker}-{n}")).sign();
                    assert_eq!(outcome(&verifier, &token).await, UNKNOWN_KEY);
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    let mut checked = 0;
    while strangers.iter().any(|stranger| !stranger.is_finished()) {
        let start = Instant::now();
        assert_eq!(outcome(&verifier, &good).await, Ok(()));
        slowest = slowest.max(start.elapsed());
        checked += 1;
        tokio::task::yield_now().await;
    }
    for stranger in strangers {
        stranger.await.unwrap();
    }
    assert_eq!(issuer.fetches().keys, before + 1);
    assert!(checked > 10, "good tokens were checked meanwhile: {checked}");
    assert!(slowest < Duration::from_millis(400), "a good token waited {slowest:?} for the fetch");
    // After the cooldown one more request is allowed.
    clock.advance_ms(10_001);
    let unknown = TestKey::shared(1).token(issuer.url(), AUDIENCE, &*clock).sign();
    for _ in 0..3 {
        assert_eq!(outcome(&verifier, &unknown).await, UNKNOWN_KEY);
    }
    assert_eq!(issuer.fetches().keys, before + 2);
}

#[tokio::test]
async fn a6_a_token_that_is_not_ours_causes_no_fetch() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(issuer.url(), &clock).build().await.unwrap();
    let unknown = TestKey::shared(1).token(issuer.url(), AUDIENCE, &*clock);
    for (bad, reason) in [
        (unknown.clone().claim("aud", "other"), Reason::Audience),
        (unknown.clone().claim("exp", 1), Reason::Expired),
        (unknown.header("alg", "none"), Reason::Algorithm),
    ] {
        assert_eq!(outcome(&verifier, &bad.sign()).await, Err(VerifyError::Invalid(reason)));
    }
    assert_eq!(issuer.fetches().keys, 1);
}

#[tokio::test]
async fn a28_the_first_token_of_a_new_key_is_accepted() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(issuer.url(), &clock).build().await.unwrap();
    issuer.publish([TestKey::shared(0), TestKey::shared(1)]);
    let (old, new) = (token(&issuer, &clock, 0), token(&issuer, &clock, 1));
    let many = futures_util::future::join_all((0..50).map(|_| outcome(&verifier, &new))).await;
    assert!(many.iter().all(Result::is_ok), "{many:?}");
    assert_eq!(outcome(&verifier, &old).await, Ok(()));
    assert_eq!(issuer.fetches().keys, 2);
}

#[tokio::test]
async fn a28_rotation_through_http() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(issuer.url(), &clock).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier.clone()));
    issuer.publish([TestKey::shared(0), TestKey::shared(1)]);
    let new = token(&issuer, &clock, 1);
    assert_eq!(verifier.verify_now(&new).map(|outcome| outcome.is_ok()), None, "it has to wait");
    assert_eq!(service.whoami(&new).await.status, 200);
    assert_eq!(verifier.verify_now(&new).map(|outcome| outcome.is_ok()), Some(true));
    service.whoami(&token(&issuer, &clock, 2)).await.assert_invalid_token("a key that is not published");
}

#[tokio::test]
async fn a20_the_last_good_key_set_stays_in_use_whatever_the_issuer_answers() {
    let behaviours = [
        Behaviour::Status(500),
        Behaviour::Status(404),
        Behaviour::Status(204),
        Behaviour::Html,
        Behaviour::Huge,
        Behaviour::Bomb,
        Behaviour::Hang,
        Behaviour::Redirect("/elsewhere".to_owned()),
        Behaviour::Text("{}".to_owned()),
        Behaviour::Text("[]".to_owned()),
        Behaviour::Text("{\"keys\":".to_owned() + &"[".repeat(100_000)),
        Behaviour::Text(String::new()),
    ];
    futures_util::future::join_all(behaviours.into_iter().map(a20)).await;
}

async fn a20(behaviour: Behaviour) {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(issuer.url(), &clock).jwks_cooldown(Duration::ZERO).build().await.unwrap();
    let (good, new) = (token(&issuer, &clock, 0), token(&issuer, &clock, 1));
    assert_eq!(outcome(&verifier, &good).await, Ok(()));
    issuer.keys_behave(behaviour.clone());
    issuer.publish([TestKey::shared(0), TestKey::shared(1)]);
    let start = Instant::now();
    assert_eq!(outcome(&verifier, &new).await, UNKNOWN_KEY, "{behaviour:?}");
    assert!(start.elapsed() < Duration::from_millis(2500), "{behaviour:?}");
    assert_eq!(outcome(&verifier, &good).await, Ok(()), "{behaviour:?}");
    assert_eq!(issuer.fetches().other, 0, "{behaviour:?}");
    // A request without a response is given up after five seconds.
    eventually(Duration::from_secs(6), async || verifier.metrics().key_refresh_failures == 1).await;
    assert!(verifier.status().keys_error.is_some(), "{behaviour:?}");
    assert_eq!(outcome(&verifier, &good).await, Ok(()), "{behaviour:?}");
    issuer.keys_behave(Behaviour::Well);
    eventually(Duration::from_secs(3), async || outcome(&verifier, &new).await == Ok(())).await;
}

#[tokio::test]
async fn a20_the_size_limit_counts_decompressed_bytes() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let asked = client.get(issuer.jwks_url()).header("Accept-Encoding", "gzip");
    for (behaviour, on_the_wire) in [(Behaviour::Bomb, 1..100_000), (Behaviour::Huge, 10_000_000..11_000_000)]
    {
        issuer.keys_behave(behaviour.clone());
        let answer = asked.try_clone().unwrap().send().await.unwrap();
        let length = answer.bytes().await.unwrap().len();
        assert!(on_the_wire.contains(&length), "{behaviour:?}: {length} bytes");
        let verifier = following(issuer.url(), &clock).build().await.unwrap();
        let why = verifier.status().keys_error.unwrap_or_default();
        assert!(why.contains("more than 256 KiB"), "{behaviour:?}: {why}");
        assert_eq!(outcome(&verifier, &token(&issuer, &clock, 0)).await, NO_KEYS, "{behaviour:?}");
    }
}

#[tokio::test]
async fn the_set_is_read_again_ahead_of_max_age_and_only_if_it_changed() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    issuer.cache_control("public, max-age=2");
    let verifier = following(issuer.url(), &clock).build().await.unwrap();
    let took = eventually(Duration::from_secs(2), async || issuer.fetches().keys == 2).await;
    assert!(took > Duration::from_millis(500), "{took:?}");
    assert_eq!(issuer.fetches().not_modified, 1);
    assert_eq!(issuer.fetches().discovery, 1);
    assert_eq!(outcome(&verifier, &token(&issuer, &clock, 0)).await, Ok(()));
    // A removed key is refused even if no token causes a request for the key set.
    issuer.publish([TestKey::shared(1)]);
    let old = token(&issuer, &clock, 0);
    eventually(Duration::from_secs(2), async || outcome(&verifier, &old).await == UNKNOWN_KEY).await;
}

#[tokio::test]
async fn the_last_good_set_serves_for_a_while_and_no_longer() {
    let clock = clock();
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier =
        following(issuer.url(), &clock).jwks_max_age(Duration::from_secs(60)).build().await.unwrap();
    let good = token(&issuer, &clock, 0);
    let cached = token(&issuer, &clock, 0);
    assert_eq!(outcome(&verifier, &cached).await, Ok(()));
    issuer.keys_behave(Behaviour::Status(500));
    issuer.discovery_behaves(Behaviour::Status(500));
    clock.advance_ms(60_000);
    assert_eq!(outcome(&verifier, &good).await, Ok(()));
    clock.advance_ms(1);
    for token in [&good, &cached] {
        assert_eq!(outcome(&verifier, token).await, NO_KEYS);
    }
    assert!(!verifier.status().is_ready());
    assert_eq!(outcome(&verifier, "rubbish").await, Err(VerifyError::Invalid(Reason::Malformed)));
    sleep(Duration::from_millis(1100)).await;
    issuer.keys_behave(Behaviour::Well);
    issuer.discovery_behaves(Behaviour::Well);
    eventually(Duration::from_secs(3), async || outcome(&verifier, &good).await == Ok(())).await;
}

#[tokio::test]
async fn background_tasks_stop_with_the_last_clone() {
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    issuer.cache_control("max-age=1");
    let builder = Verifier::builder(issuer.url()).audience(AUDIENCE).without_revocation();
    let verifier = builder.clock(Arc::new(SystemClock)).build().await.unwrap();
    let clone = verifier.clone();
    drop(verifier);
    eventually(Duration::from_secs(2), async || issuer.fetches().keys >= 2).await;
    drop(clone);
    sleep(Duration::from_millis(100)).await;
    let fetches = issuer.fetches();
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(issuer.fetches(), fetches);
}

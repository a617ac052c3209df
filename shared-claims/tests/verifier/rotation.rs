//! SECURITY-CASES A28 and A6 under load: keys rotate, and many tokens with unknown keys arrive, while valid tokens are
//! checked all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use shared_claims::actix::BearerAuth;
use shared_claims::clock::SystemClock;
use shared_claims::testing::{Behaviour, StumblingClock, TestIssuer, TestKey, eventually};
use shared_claims::verifier::{Reason, Verifier, VerifierBuilder, VerifyError};

use crate::support::{AUDIENCE, Service};

const PATIENCE: Duration = Duration::from_secs(20);

fn following(issuer: &TestIssuer) -> VerifierBuilder {
    Verifier::builder(issuer.url()).audience(AUDIENCE).without_revocation()
}

fn token(issuer: &TestIssuer, key: usize) -> String {
    TestKey::shared(key % 4).token(issuer.url(), AUDIENCE, &SystemClock).sign()
}

/// Publishes the active key with the one before it and the next one, as an issuer does: each key is published before it
/// signs and after it has signed, for as long as verifiers keep a key set.
fn publish(issuer: &TestIssuer, active: usize) {
    issuer.publish([active + 3, active, active + 1].map(|key| TestKey::shared(key % 4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a28_no_valid_token_is_refused_while_keys_rotate_under_load() {
    let issuer = Arc::new(TestIssuer::start([TestKey::shared(3), TestKey::shared(0), TestKey::shared(1)]));
    issuer.cache_control("public, max-age=1");
    let verifier = following(&issuer).build().await.unwrap();
    let service = Arc::new(Service::start(BearerAuth::new(verifier.clone())));
    let (active, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let hammers: Vec<_> = (0..4)
        .map(|_| {
            let (issuer, service) = (Arc::clone(&issuer), Arc::clone(&service));
            let (active, stop) = (Arc::clone(&active), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut asked, mut kept) = (0, token(&issuer, 0));
                while !stop.load(Ordering::SeqCst) {
                    let fresh = token(&issuer, active.load(Ordering::SeqCst));
                    // The earlier token was signed with the active key or with the one before it.
                    for good in [&fresh, &kept] {
                        assert_eq!(service.whoami(good).await.status, 200, "after {asked}");
                        asked += 1;
                    }
                    kept = fresh;
                }
                asked
            })
        })
        .collect();
    for rotation in 1..=5 {
        let next = token(&issuer, rotation);
        let before = issuer.fetches().keys;
        publish(&issuer, rotation - 1);
        eventually("it is fetched twice", PATIENCE, || async { issuer.fetches().keys >= before + 2 }).await;
        assert_eq!(service.whoami(&next).await.status, 200, "published, but not active yet");
        active.store(rotation, Ordering::SeqCst);
        publish(&issuer, rotation);
    }
    stop.store(true, Ordering::SeqCst);
    let asked: u32 = join_all(hammers).await.into_iter().map(Result::unwrap).sum();
    assert!(asked > 100, "{asked} good tokens");
    let refused: u64 = verifier.metrics().refused.iter().map(|(_, count)| count).sum();
    assert_eq!(refused, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_a_thousand_unknown_kids_on_sixteen_connections_cause_one_fetch_and_delay_nobody() {
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let verifier = following(&issuer).token_cache_entries(0).build().await.unwrap();
    let service = Arc::new(Service::start(BearerAuth::new(verifier)));
    let before = issuer.fetches().keys;
    // The only request for keys is slow. Until it ends, tokens with unknown keys wait, and valid tokens are answered.
    issuer.keys_behave(Behaviour::Slowly(Duration::from_secs(1)));
    let answered = Arc::new(AtomicU32::new(0));
    let strangers: Vec<_> = (0..16)
        .map(|worker| {
            let (service, answered) = (Arc::clone(&service), Arc::clone(&answered));
            let stranger = TestKey::shared(1).token(issuer.url(), AUDIENCE, &SystemClock);
            tokio::spawn(async move {
                for n in 0..63 {
                    let unknown = stranger.clone().header("kid", format!("unknown-{worker}-{n}")).sign();
                    service.whoami(&unknown).await.assert_invalid_token("an unknown kid");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    eventually("the fetch is under way", PATIENCE, || async { issuer.fetches().keys > before }).await;
    let good = token(&issuer, 0);
    let mut meanwhile = 0;
    while answered.load(Ordering::SeqCst) == 0 {
        assert_eq!(service.whoami(&good).await.status, 200);
        meanwhile += 1;
    }
    assert!(meanwhile > 5, "{meanwhile} good tokens were answered before the fetch was");
    while strangers.iter().any(|stranger| !stranger.is_finished()) {
        assert_eq!(service.whoami(&good).await.status, 200);
    }
    join_all(strangers).await.into_iter().for_each(Result::unwrap);
    assert_eq!(answered.load(Ordering::SeqCst), 1_008);
    assert_eq!(issuer.fetches().keys, before + 1);
}

#[tokio::test]
async fn a_refresh_that_panics_counts_as_failed() {
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    issuer.cache_control("public, max-age=1");
    let clock = StumblingClock::new();
    let verifier = following(&issuer)
        .clock(clock.clone())
        .jwks_cooldown(Duration::ZERO)
        .jwks_max_age(Duration::from_secs(3))
        .build()
        .await
        .unwrap();
    let (good, new) = (token(&issuer, 0), token(&issuer, 1));
    clock.stumble(2);
    eventually("the clock has panicked", PATIENCE, || async { clock.left() == 0 }).await;
    assert!(verifier.verify(&good).await.is_ok(), "the current key set is still used");
    issuer.publish([TestKey::shared(0), TestKey::shared(1)]);
    eventually("the new key is accepted too", PATIENCE, || async { verifier.verify(&new).await.is_ok() })
        .await;
    assert!(verifier.metrics().key_refresh_failures >= 2);

    // The panics do not end, so the key set becomes too old to be used.
    clock.stumble(u32::MAX);
    eventually("the key set is too old", PATIENCE, || async {
        matches!(verifier.verify(&good).await, Err(VerifyError::Unavailable(_)))
    })
    .await;
    assert!(verifier.status().keys_error.unwrap().contains("panicked"));
    clock.stumble(0);
    eventually("it is accepted again", PATIENCE, || async { verifier.verify(&good).await.is_ok() }).await;
    let stranger = TestKey::shared(2).token(issuer.url(), AUDIENCE, &SystemClock).sign();
    assert_eq!(verifier.verify(&stranger).await.err(), Some(VerifyError::Invalid(Reason::UnknownKey)));
}

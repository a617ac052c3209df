//! SECURITY-CASES A26, the verifier's part: how it uses the answers of its revocation source.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared_claims::actix::BearerAuth;
use shared_claims::clock::{Clock, ManualClock, SystemClock};
use shared_claims::revocation::{Mirror, MirrorSettings, RevocationFact, RevocationKind, Verdict};
use shared_claims::testing::{ScriptedSource, TestIssuer, TestKey, eventually, token_id};
use shared_claims::verifier::{BuildError, Missing, OnOutage, Reason, Verifier, VerifyError};

use crate::support::{AUDIENCE, ISSUER, NOW, NOW_MS, Service, builder, clock, handle, token};

const NO_REVOCATIONS: VerifyError = VerifyError::Unavailable(Missing::Revocations);

async fn with_source(clock: &Arc<ManualClock>, source: &ScriptedSource) -> Verifier {
    builder(clock).revocation(source.revocation()).build().await.unwrap()
}

async fn outcome(verifier: &Verifier, token: &str) -> Result<(), VerifyError> {
    verifier.verify(token).await.map(|_| ())
}

#[tokio::test]
async fn a_fact_of_any_kind_revokes_a_token_that_was_accepted_before() {
    let clock = clock();
    let jti = token_id(NOW_MS).to_string();
    let token = token(&clock).claim("jti", jti.clone()).sign();
    for (kind, id) in [
        (RevocationKind::Jti, jti.as_str()),
        (RevocationKind::Sid, "0198d2c4-0000-7000-8000-000000000002"),
        (RevocationKind::Sub, "0198d2c4-0000-7000-8000-000000000001"),
        (RevocationKind::Client, "first-party"),
        (RevocationKind::Key, TestKey::shared(0).kid()),
    ] {
        let source = ScriptedSource::always(Verdict::NotRevoked);
        let verifier = with_source(&clock, &source).await;
        let service = Service::start(BearerAuth::new(verifier.clone()));
        assert_eq!(service.whoami(&token).await.status, 200);
        let id = id.to_owned();
        let revoked = ScriptedSource::revoking(kind, id);
        let live = builder(&clock).revocation(revoked.revocation()).build().await.unwrap();
        assert_eq!(outcome(&live, &token).await, Err(VerifyError::Revoked(kind)), "from the start");
        source.set(move |_| Verdict::Revoked(kind));
        assert_eq!(outcome(&verifier, &token).await, Err(VerifyError::Revoked(kind)), "cached before");
        service.whoami(&token).await.assert_invalid_token(kind.as_str());
        let counted = verifier.metrics().revoked.into_iter().find(|(counted, _)| *counted == kind);
        assert_eq!(counted, Some((kind, 2)));
    }
}

#[tokio::test]
async fn a_cut_revokes_tokens_issued_until_then_and_no_later_ones() {
    let clock = clock();
    let (mirror, writer) = Mirror::by_hand(MirrorSettings::default().clock(clock.clone()));
    let verifier = builder(&clock).revocation(mirror.into()).build().await.unwrap();
    let token = |ms: i64| token(&clock).claim("jti", token_id(ms).to_string()).sign();
    let (before, at, after) = (token(NOW_MS - 1), token(NOW_MS), token(NOW_MS + 1));
    assert_eq!(outcome(&verifier, &at).await, Err(NO_REVOCATIONS), "before the first complete list");
    writer.complete_as_of(clock.boot_ms());
    for token in [&before, &at, &after] {
        assert_eq!(outcome(&verifier, token).await, Ok(()));
    }
    let id = "0198d2c4-0000-7000-8000-000000000001".to_owned();
    writer.add(&RevocationFact { kind: RevocationKind::Sub, id, at: Some(NOW_MS), exp: NOW + 1000 }).unwrap();
    assert_eq!(outcome(&verifier, &before).await, Err(VerifyError::Revoked(RevocationKind::Sub)));
    assert_eq!(outcome(&verifier, &at).await, Err(VerifyError::Revoked(RevocationKind::Sub)));
    assert_eq!(outcome(&verifier, &after).await, Ok(()), "issued after the cut");
}

#[tokio::test]
async fn a_list_that_is_too_old_proves_nothing() {
    let clock = clock();
    let bound = Duration::from_secs(30);
    let (mirror, writer) =
        Mirror::by_hand(MirrorSettings::default().max_staleness(bound).clock(clock.clone()));
    let verifier = builder(&clock).revocation(mirror.into()).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier.clone()));
    let token = token(&clock).sign();
    writer.complete_as_of(clock.boot_ms());
    assert_eq!(service.whoami(&token).await.status, 200);
    assert!(verifier.status().is_ready());
    clock.advance_ms(30_001);
    let answer = service.whoami(&token).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.retry_after.as_deref(), Some("1"));
    assert_eq!(answer.challenge, None);
    answer.assert_problem("past the bound");
    assert!(!verifier.status().is_ready());
    writer.complete_as_of(clock.boot_ms());
    assert_eq!(service.whoami(&token).await.status, 200);
}

#[tokio::test]
async fn an_invalid_token_is_invalid_also_while_revocation_is_unknown() {
    let clock = clock();
    let source = ScriptedSource::always(Verdict::Unknown);
    let verifier = with_source(&clock, &source).await;
    let good = token(&clock);
    assert_eq!(outcome(&verifier, &good.sign()).await, Err(NO_REVOCATIONS));
    for (bad, reason) in [
        (good.clone().claim("exp", NOW - 100), Reason::Expired),
        (good.clone().claim("aud", "other"), Reason::Audience),
        (good.clone().signed_by(TestKey::shared(1)), Reason::Signature),
        (good.clone().header("kid", "unknown"), Reason::UnknownKey),
    ] {
        assert_eq!(outcome(&verifier, &bad.sign()).await, Err(VerifyError::Invalid(reason)));
    }
}

#[tokio::test]
async fn without_keys_only_tokens_that_no_key_could_make_valid_are_invalid() {
    let clock = clock();
    let keys = shared_claims::verifier::KeySetHandle::new();
    let verifier = builder(&clock).keys(keys.clone()).build().await.unwrap();
    let good = token(&clock);
    let no_keys = Err(VerifyError::Unavailable(Missing::Keys));
    assert_eq!(outcome(&verifier, &good.sign()).await, no_keys);
    assert!(!verifier.status().is_ready());
    for (bad, reason) in [
        (good.clone().claim("exp", NOW - 100).sign(), Reason::Expired),
        (good.clone().claim("iss", "http://other").sign(), Reason::Issuer),
        (good.clone().header("alg", "none").sign(), Reason::Algorithm),
        ("rubbish".to_owned(), Reason::Malformed),
    ] {
        assert_eq!(outcome(&verifier, &bad).await, Err(VerifyError::Invalid(reason)));
    }
    keys.set(shared_claims::verifier::KeySet::from_keys([TestKey::shared(0).public()]));
    assert_eq!(outcome(&verifier, &good.sign()).await, Ok(()));
    assert!(verifier.status().is_ready());
}

#[tokio::test]
async fn a_token_that_expires_during_the_revocation_check_is_refused() {
    let clock = clock();
    let source = ScriptedSource::always(Verdict::NotRevoked);
    let moved = clock.clone();
    source.set(move |_| {
        moved.advance_ms(1_000_000);
        Verdict::NotRevoked
    });
    for cache in [0, 10] {
        let verifier =
            builder(&clock).revocation(source.revocation()).token_cache_entries(cache).build().await;
        let token = token(&clock).sign();
        assert_eq!(outcome(&verifier.unwrap(), &token).await, Err(VerifyError::Invalid(Reason::Expired)));
    }
}

#[tokio::test]
async fn an_outage_may_be_accepted_and_is_counted() {
    let clock = clock();
    let source = ScriptedSource::always(Verdict::Unknown);
    let verifier =
        builder(&clock).revocation(source.revocation()).on_outage(OnOutage::Accept).build().await.unwrap();
    let good = token(&clock).sign();
    assert_eq!(outcome(&verifier, &good).await, Ok(()));
    assert_eq!(verifier.metrics().accepted_on_outage, 1);
    source.set(|_| Verdict::Revoked(RevocationKind::Jti));
    assert_eq!(
        outcome(&verifier, &good).await,
        Err(VerifyError::Revoked(RevocationKind::Jti)),
        "a known fact still refuses its token"
    );
}

#[tokio::test]
async fn a_verifier_needs_a_choice_on_revocation() {
    let unsaid = Verifier::builder(ISSUER).audience(AUDIENCE).keys(handle(&[]));
    assert!(matches!(unsaid.build().await, Err(BuildError::NoRevocation)));
    let nameless = Verifier::builder(ISSUER).keys(handle(&[])).without_revocation();
    assert!(matches!(nameless.build().await, Err(BuildError::NoAudience)));
    for issuer in
        ["", "localhost:8000", "ftp://localhost", "http://", "http://localhost/#a", "http://localhost/?a"]
    {
        let verifier = Verifier::builder(issuer).audience(AUDIENCE).keys(handle(&[])).without_revocation();
        assert!(matches!(verifier.build().await, Err(BuildError::Issuer(_))), "{issuer}");
    }
}

#[tokio::test]
async fn a_policy_of_the_service_is_kept_on_every_check() {
    let clock = clock();
    let verifier = builder(&clock).policy(|claims| claims.client_id == "first-party").build().await.unwrap();
    assert_eq!(outcome(&verifier, &token(&clock).sign()).await, Ok(()));
    let foreign = token(&clock).claim("client_id", "some-client").sign();
    for _ in 0..2 {
        assert_eq!(outcome(&verifier, &foreign).await, Err(VerifyError::Invalid(Reason::Policy)));
    }
    // The policy is also asked again about a token that was accepted before.
    let open = Arc::new(AtomicBool::new(true));
    let asked = open.clone();
    let verifier = builder(&clock).policy(move |_| asked.load(Ordering::SeqCst)).build().await.unwrap();
    let token = token(&clock).sign();
    assert_eq!(outcome(&verifier, &token).await, Ok(()));
    open.store(false, Ordering::SeqCst);
    assert_eq!(outcome(&verifier, &token).await, Err(VerifyError::Invalid(Reason::Policy)));
}

#[tokio::test]
async fn the_issuers_feed_is_found_beside_it() {
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let builder = Verifier::builder(issuer.url()).audience(AUDIENCE).follow_feed();
    let verifier = builder.build().await.unwrap();
    // This issuer has no feed: the request for it fails, so nothing is known about revocations.
    eventually("the feed is read", Duration::from_secs(5), || async { issuer.fetches().other > 0 }).await;
    let token = TestKey::shared(0).token(issuer.url(), AUDIENCE, &SystemClock).sign();
    let outcome = verifier.verify(&token).await.err();
    assert_eq!(outcome, Some(VerifyError::Unavailable(Missing::Revocations)));
}

#[tokio::test]
async fn an_invalid_redis_url_is_reported_without_its_password() {
    let builder = builder(&clock()).follow_redis("http://reader:hunter2@localhost");
    let Err(error) = builder.build().await else { panic!("it was built") };
    assert!(matches!(error, BuildError::Source(_)));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

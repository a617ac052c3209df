//! The verifier's counters, read as samples and reported to an observer.

use std::sync::{Arc, Mutex};

use shared_claims::metrics::{Metric, MetricKind, Observer};
use shared_claims::revocation::{Mirror, MirrorSettings, RevocationKind, Verdict};
use shared_claims::testing::{Behaviour, ScriptedSource, TestIssuer, TestKey};
use shared_claims::verifier::{KeySetHandle, Missing, OnOutage, Reason, Verifier};

use crate::support::{AUDIENCE, builder, clock, token};

fn value(verifier: &Verifier, metric: Metric, label: Option<&str>) -> Option<f64> {
    let samples = verifier.metric_samples();
    let mut of = samples
        .iter()
        .filter(|sample| sample.metric == metric && sample.label.map(|(_, value)| value) == label);
    let found = of.next().map(|sample| sample.value);
    assert!(of.next().is_none(), "{metric:?} {label:?} twice");
    found
}

#[tokio::test]
async fn every_number_can_be_pulled() {
    let clock = clock();
    let (mirror, writer) = Mirror::by_hand(MirrorSettings::default().clock(clock.clone()));
    let verifier = builder(&clock).revocation(mirror.into()).build().await.unwrap();
    let token = token(&clock).sign();
    assert_eq!(value(&verifier, Metric::ListAge, None), None, "an age without a complete list has no sample");
    assert!(verifier.verify(&token).await.is_err());
    writer.complete_as_of(shared_claims::clock::Clock::boot_ms(&*clock));
    clock.advance_ms(1_500);
    for _ in 0..2 {
        assert!(verifier.verify(&token).await.is_ok());
    }
    assert!(verifier.verify("rubbish").await.is_err());
    for (metric, label, expected) in [
        (Metric::TokensAccepted, None, 2.0),
        (Metric::TokensRefused, Some("malformed"), 1.0),
        (Metric::TokensRefused, Some("signature"), 0.0),
        (Metric::TokensRevoked, Some("sid"), 0.0),
        (Metric::TokensUnavailable, Some("revocations"), 1.0),
        (Metric::TokenCache, Some("hit"), 2.0),
        (Metric::TokenCache, Some("miss"), 1.0),
        (Metric::KeySetKeys, None, 1.0),
        (Metric::ListCurrent, None, 1.0),
        (Metric::ListAge, None, 1.5),
        (Metric::ListEntries, None, 0.0),
    ] {
        assert_eq!(value(&verifier, metric, label), Some(expected), "{metric:?} {label:?}");
    }
    for sample in verifier.metric_samples() {
        assert_eq!(sample.label.map(|(label, _)| label), sample.metric.label(), "{sample:?}");
        assert!(sample.metric.kind() == MetricKind::Gauge || sample.value.fract() == 0.0, "{sample:?}");
    }
}

/// An observer that records its events and, if `panics` is set, then panics.
#[derive(Clone, Default)]
struct Witness {
    told: Arc<Mutex<Vec<String>>>,
    panics: bool,
}

impl Witness {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn hear(&self, what: impl Into<String>) {
        self.told.lock().unwrap().push(what.into());
        assert!(!self.panics, "an observer that panics");
    }
}

impl Observer for Witness {
    fn accepted(&self) {
        self.hear("accepted");
    }

    fn refused(&self, reason: Reason) {
        self.hear(reason.as_str());
    }

    fn revoked(&self, kind: RevocationKind) {
        self.hear(kind.as_str());
    }

    fn unavailable(&self, missing: Missing) {
        self.hear(missing.as_str());
    }

    fn accepted_on_outage(&self) {
        self.hear("on outage");
    }

    fn cache_asked(&self, hit: bool) {
        self.hear(if hit { "hit" } else { "miss" });
    }

    fn keys_refreshed(&self) {
        self.hear("keys");
    }

    fn key_refresh_failed(&self, why: &str) {
        assert!(!why.is_empty());
        self.hear("no keys");
    }
}

#[tokio::test]
async fn an_observer_is_called_for_each_event() {
    let clock = clock();
    let source = ScriptedSource::always(Verdict::NotRevoked);
    let keys = KeySetHandle::new();
    let witness = Witness::default();
    let describe = || builder(&clock).revocation(source.revocation()).observer(witness.clone());
    let verifier = describe().build().await.unwrap();
    let token = token(&clock).sign();
    let tell = async |verifier: &Verifier, token: &str| {
        let _ = verifier.verify(token).await;
        witness.told()
    };
    assert_eq!(tell(&verifier, &token).await, ["miss", "accepted"]);
    assert_eq!(tell(&verifier, &token).await, ["hit", "accepted"]);
    assert_eq!(tell(&verifier, "rubbish").await, ["malformed"]);
    source.set(|_| Verdict::Unknown);
    assert_eq!(tell(&verifier, &token).await, ["hit", "revocations"]);
    source.set(|_| Verdict::Revoked(RevocationKind::Sub));
    assert_eq!(tell(&verifier, &token).await, ["hit", "sub"]);
    source.set(|_| Verdict::Unknown);
    let lenient = describe().on_outage(OnOutage::Accept).build().await.unwrap();
    assert_eq!(tell(&lenient, &token).await, ["miss", "on outage", "accepted"]);
    let keyless = describe().keys(keys).build().await.unwrap();
    assert_eq!(tell(&keyless, &token).await, ["keys"]);
}

#[tokio::test]
async fn an_observer_that_panics_changes_nothing() {
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let clock = clock();
    let witness = Witness { panics: true, ..Witness::default() };
    let verifier = Verifier::builder(issuer.url())
        .audience(AUDIENCE)
        .without_revocation()
        .clock(clock.clone())
        .jwks_cooldown(std::time::Duration::ZERO)
        .observer(witness.clone())
        .build()
        .await
        .unwrap();
    let of = |key: usize| TestKey::shared(key).token(issuer.url(), AUDIENCE, &*clock).sign();
    assert!(verifier.verify(&of(0)).await.is_ok());
    assert!(verifier.verify("rubbish").await.is_err());
    issuer.keys_behave(Behaviour::Status(500));
    assert!(verifier.verify(&of(1)).await.is_err());
    // Fetching keys also continues after a panic of the observer.
    issuer.keys_behave(Behaviour::Well);
    issuer.publish([TestKey::shared(1)]);
    assert!(verifier.verify(&of(1)).await.is_ok());
    let told = witness.told();
    assert!(["keys", "no keys", "accepted", "malformed"].iter().all(|one| told.iter().any(|it| it == one)));
    assert_eq!(verifier.metrics().verified, 2);
}

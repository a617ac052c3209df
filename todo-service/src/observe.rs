//! What the service says of itself: `/readyz` and `/metrics`.

use service_kit::health::{Finding, Health};
use service_kit::metrics::{Kind, Metrics, Sample};
use shared_claims::verifier::{Verifier, VerifierStatus};

/// The checks behind `/readyz`, the database apart: without keys no token can be checked; without the revocation list
/// none is accepted, unless `serves_without_list`.
pub fn checks(health: Health, verifier: &Verifier, serves_without_list: bool) -> Health {
    let of_keys = verifier.clone();
    let health = health.required("key_set", move || {
        let finding = key_set(&of_keys.status());
        async move { finding }
    });
    let of_list = verifier.clone();
    let check = move || {
        let finding = revocations(&of_list.status());
        async move { finding }
    };
    if serves_without_list {
        health.reported("revocation_list", check)
    } else {
        health.required("revocation_list", check)
    }
}

fn key_set(status: &VerifierStatus) -> Finding {
    let finding = match (status.keys_loaded, &status.keys_error) {
        (true, None) => Finding::ok(),
        (true, Some(_)) => Finding::degraded("the issuer does not answer, its last keys serve"),
        (false, _) => Finding::down("the issuer's keys are not known"),
    };
    finding.with("keys", status.keys).with("age_seconds", status.keys_age_ms.map(|ms| ms / 1000))
}

fn revocations(status: &VerifierStatus) -> Finding {
    let Some(list) = &status.revocation else {
        return Finding::down("there is no source");
    };
    let finding = match (list.current, list.connected, list.age_ms) {
        (true, true, _) => Finding::ok(),
        (true, false, _) => Finding::degraded("its source does not answer, what is known holds for now"),
        (false, _, Some(_)) => Finding::down("too old to prove anything"),
        (false, _, None) => Finding::down("never seen complete yet"),
    };
    finding
        .with("source", list.source)
        .with("age_ms", list.age_ms)
        .with("entries", list.entries)
        .with("connected", list.connected)
}

/// Has `/metrics` show what the verifier counts.
pub fn watch(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    tokens(metrics, verifier)?;
    signatures(metrics, verifier)?;
    keys(metrics, verifier)?;
    list(metrics, verifier)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows floating point numbers only")]
fn number(value: u64) -> f64 {
    value as f64
}

fn labelled(label: &'static str, name: &str, value: u64) -> Sample {
    Sample { labels: vec![(label, name.to_owned())], value: number(value) }
}

fn counter(
    metrics: &Metrics,
    verifier: &Verifier,
    (name, help, labels): (&str, &str, &[&str]),
    read: impl Fn(&Verifier) -> Vec<Sample> + Send + Sync + 'static,
) -> prometheus::Result<()> {
    let verifier = verifier.clone();
    metrics.sampled(Kind::Counter, name, help, labels, move || read(&verifier))
}

fn gauge(
    metrics: &Metrics,
    verifier: &Verifier,
    (name, help): (&str, &str),
    read: impl Fn(&VerifierStatus) -> Option<f64> + Send + Sync + 'static,
) -> prometheus::Result<()> {
    let verifier = verifier.clone();
    metrics.sampled(Kind::Gauge, name, help, &[], move || {
        read(&verifier.status()).map(Sample::plain).unwrap_or_default()
    })
}

fn tokens(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    let accepted = ("tokens_accepted_total", "Tokens accepted.", [].as_slice());
    counter(metrics, verifier, accepted, |verifier| Sample::plain(number(verifier.metrics().verified)))?;
    let refused =
        ("tokens_refused_total", "Tokens that are bad in themselves, by reason.", ["reason"].as_slice());
    counter(metrics, verifier, refused, |verifier| {
        let counts = verifier.metrics().refused;
        counts.into_iter().map(|(reason, count)| labelled("reason", reason.as_str(), count)).collect()
    })?;
    let revoked =
        ("tokens_revoked_total", "Tokens refused as revoked, by kind of fact.", ["kind"].as_slice());
    counter(metrics, verifier, revoked, |verifier| {
        let counts = verifier.metrics().revoked;
        counts.into_iter().map(|(kind, count)| labelled("kind", kind.as_str(), count)).collect()
    })?;
    let unchecked = (
        "tokens_unavailable_total",
        "Tokens that could not be checked, by what was missing.",
        ["missing"].as_slice(),
    );
    counter(metrics, verifier, unchecked, |verifier| {
        let counts = verifier.metrics().unavailable;
        counts.into_iter().map(|(missing, count)| labelled("missing", missing.as_str(), count)).collect()
    })?;
    let blind = (
        "tokens_accepted_on_outage_total",
        "Tokens accepted although the revocation list could not be known.",
        [].as_slice(),
    );
    counter(metrics, verifier, blind, |verifier| Sample::plain(number(verifier.metrics().accepted_on_outage)))
}

fn signatures(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    let cache =
        ("token_cache_total", "Tokens whose signature was known to be good, or not.", ["outcome"].as_slice());
    counter(metrics, verifier, cache, |verifier| {
        let counts = verifier.metrics();
        vec![labelled("outcome", "hit", counts.cache_hits), labelled("outcome", "miss", counts.cache_misses)]
    })
}

fn keys(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    let fetches = ("key_set_fetches_total", "Fetches of the key set, by outcome.", ["outcome"].as_slice());
    counter(metrics, verifier, fetches, |verifier| {
        let counts = verifier.metrics();
        vec![
            labelled("outcome", "ok", counts.key_refreshes),
            labelled("outcome", "failed", counts.key_refresh_failures),
        ]
    })?;
    gauge(metrics, verifier, ("key_set_keys", "Keys that serve."), |status| {
        Some(number(status.keys.try_into().unwrap_or(u64::MAX)))
    })
}

fn list(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    let current = ("revocation_list_current", "1 while it can be known what is revoked.");
    gauge(metrics, verifier, current, |status| {
        status.revocation.as_ref().map(|list| f64::from(u8::from(list.current)))
    })?;
    let age = ("revocation_list_age_seconds", "How long ago the list was complete.");
    gauge(metrics, verifier, age, |status| {
        status.revocation.as_ref().and_then(|list| list.age_ms).map(|ms| number(ms) / 1000.0)
    })?;
    let entries = ("revocation_list_entries", "Facts held in memory.");
    gauge(metrics, verifier, entries, |status| {
        status.revocation.as_ref().map(|list| number(list.entries.try_into().unwrap_or(u64::MAX)))
    })?;
    let counted = |read: fn(&shared_claims::revocation::RevocationStatus) -> u64| {
        move |verifier: &Verifier| {
            verifier
                .status()
                .revocation
                .as_ref()
                .map(|list| Sample::plain(number(read(list))))
                .unwrap_or_default()
        }
    };
    let resyncs =
        ("revocation_list_resyncs_total", "Readings of the list from its beginning.", [].as_slice());
    counter(metrics, verifier, resyncs, counted(|list| list.resyncs))?;
    let errors = ("revocation_list_errors_total", "Readings of the list that failed.", [].as_slice());
    counter(metrics, verifier, errors, counted(|list| list.errors))
}

//! Connects the verifier to `/readyz` and `/metrics`.

use service_kit::health::{CheckResult, HealthChecks};
use service_kit::metrics::{LabeledValue, Metrics};
use shared_claims::metrics::Metric;
use shared_claims::verifier::{Verifier, VerifierStatus};

/// Adds the verifier's checks to `/readyz`. Without keys no token can be checked. Without the revocation list every
/// token is refused, unless `serves_without_list`.
pub fn add_health_checks(
    health: HealthChecks,
    verifier: &Verifier,
    serves_without_list: bool,
) -> HealthChecks {
    let keys_verifier = verifier.clone();
    let health = health.required("key_set", move || {
        let result = key_set(&keys_verifier.status());
        async move { result }
    });
    let list_verifier = verifier.clone();
    let check = move || {
        let result = revocations(&list_verifier.status());
        async move { result }
    };
    if serves_without_list {
        health.reported("revocation_list", check)
    } else {
        health.required("revocation_list", check)
    }
}

fn key_set(status: &VerifierStatus) -> CheckResult {
    let result = match (status.keys_loaded, &status.keys_error) {
        (true, None) => CheckResult::ok(),
        (true, Some(_)) => CheckResult::degraded("the issuer does not respond; its last known keys are used"),
        (false, _) => CheckResult::down("the issuer's keys are not known"),
    };
    result.with("keys", status.keys).with("age_seconds", status.keys_age_ms.map(|ms| ms / 1000))
}

fn revocations(status: &VerifierStatus) -> CheckResult {
    let Some(list) = &status.revocation else {
        return CheckResult::down("no source is configured");
    };
    let result = match (list.current, list.connected, list.age_ms) {
        (true, true, _) => CheckResult::ok(),
        (true, false, _) => CheckResult::degraded("the source does not respond; the last known list is used"),
        (false, _, Some(_)) => CheckResult::down("the list is too old"),
        (false, _, None) => CheckResult::down("the list was never complete"),
    };
    result
        .with("source", list.source)
        .with("age_ms", list.age_ms)
        .with("entries", list.entries)
        .with("connected", list.connected)
}

/// Shows the verifier's metrics on `/metrics`.
pub fn register_metrics(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    for metric in Metric::ALL {
        let verifier = verifier.clone();
        let read = move || {
            let samples = verifier.metric_samples().into_iter().filter(|sample| sample.metric == *metric);
            let labels = |(label, of): (&'static str, &str)| (label, of.to_owned());
            samples
                .map(|sample| LabeledValue {
                    labels: sample.label.map(labels).into_iter().collect(),
                    value: sample.value,
                })
                .collect()
        };
        metrics.register_callback(
            metric.kind(),
            metric.name(),
            metric.help(),
            metric.label().as_slice(),
            read,
        )?;
    }
    Ok(())
}

//! Connects the verifier to `/readyz` and `/metrics`.

use service_kit::health::{CheckResult, HealthChecks};
use service_kit::metrics::{LabeledValue, Metrics};
use shared_claims::metrics::Metric;
use shared_claims::verifier::{Verifier, VerifierStatus};

/// Adds the verifier's checks to `/readyz`. Without keys no token can be checked. Without the revocation list every
/// token is refused, unless `serves_without_list`.
pub fn checks(health: HealthChecks, verifier: &Verifier, serves_without_list: bool) -> HealthChecks {
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

fn key_set(status: &VerifierStatus) -> CheckResult {
    let finding = match (status.keys_loaded, &status.keys_error) {
        (true, None) => CheckResult::ok(),
        (true, Some(_)) => CheckResult::degraded("the issuer does not answer, its last keys serve"),
        (false, _) => CheckResult::down("the issuer's keys are not known"),
    };
    finding.with("keys", status.keys).with("age_seconds", status.keys_age_ms.map(|ms| ms / 1000))
}

fn revocations(status: &VerifierStatus) -> CheckResult {
    let Some(list) = &status.revocation else {
        return CheckResult::down("there is no source");
    };
    let finding = match (list.current, list.connected, list.age_ms) {
        (true, true, _) => CheckResult::ok(),
        (true, false, _) => CheckResult::degraded("its source does not answer, what is known holds for now"),
        (false, _, Some(_)) => CheckResult::down("too old to prove anything"),
        (false, _, None) => CheckResult::down("never seen complete yet"),
    };
    finding
        .with("source", list.source)
        .with("age_ms", list.age_ms)
        .with("entries", list.entries)
        .with("connected", list.connected)
}

/// Shows the verifier's metrics on `/metrics`.
pub fn watch(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
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

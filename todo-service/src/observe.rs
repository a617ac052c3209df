//! Connects the verifier to `/readyz` and `/metrics`.

use service_kit::health::{Finding, Health};
use service_kit::metrics::{Kind, Metrics, Sample};
use shared_claims::metrics::{Metric, MetricKind};
use shared_claims::verifier::{Verifier, VerifierStatus};

/// Adds the verifier's checks to `/readyz`. Without keys no token can be checked. Without the revocation list every
/// token is refused, unless `serves_without_list`.
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

/// Shows the verifier's metrics on `/metrics`.
pub fn watch(metrics: &Metrics, verifier: &Verifier) -> prometheus::Result<()> {
    for metric in Metric::ALL {
        let kind = if metric.kind() == MetricKind::Counter { Kind::Counter } else { Kind::Gauge };
        let verifier = verifier.clone();
        let read = move || {
            let samples = verifier.metric_samples().into_iter().filter(|sample| sample.metric == *metric);
            let labels = |(label, of): (&'static str, &str)| (label, of.to_owned());
            samples
                .map(|sample| Sample {
                    labels: sample.label.map(labels).into_iter().collect(),
                    value: sample.value,
                })
                .collect()
        };
        metrics.sampled(kind, metric.name(), metric.help(), metric.label().as_slice(), read)?;
    }
    Ok(())
}

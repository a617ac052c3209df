//! The current values of the metrics.

use super::Metric;
use crate::verifier::{VerifierMetrics, VerifierStatus};

/// The value of one metric at one moment.
///
/// ```
/// use shared_claims::metrics::{Metric, MetricSample};
///
/// fn is_alarming(sample: &MetricSample) -> bool {
///     sample.metric == Metric::ListCurrent && sample.value < 1.0
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricSample {
    /// The metric.
    pub metric: Metric,
    /// The label's name and value, for a metric that has a label.
    pub label: Option<(&'static str, &'static str)>,
    /// The value: a count, seconds, or 1 for yes and 0 for no.
    pub value: f64,
}

/// The samples of every metric, in the order of [`Metric::ALL`].
pub(crate) fn metric_samples(counts: &VerifierMetrics, status: &VerifierStatus) -> Vec<MetricSample> {
    let mut samples = Vec::with_capacity(48);
    for metric in Metric::ALL {
        read(*metric, counts, status, &mut |label, value| {
            let label = metric.label().zip(label);
            samples.push(MetricSample { metric: *metric, label, value });
        });
    }
    samples
}

fn read(
    metric: Metric,
    counts: &VerifierMetrics,
    status: &VerifierStatus,
    put: &mut impl FnMut(Option<&'static str>, f64),
) {
    let list = status.revocation.as_ref();
    let seconds = |ms: u64| number(ms) / 1000.0;
    let mut maybe = |value: Option<f64>| {
        if let Some(value) = value {
            put(None, value);
        }
    };
    match metric {
        Metric::TokensAccepted => put(None, number(counts.verified)),
        Metric::TokensRefused => {
            counts.refused.iter().for_each(|(reason, count)| put(Some(reason.as_str()), number(*count)));
        }
        Metric::TokensRevoked => {
            counts.revoked.iter().for_each(|(kind, count)| put(Some(kind.as_str()), number(*count)));
        }
        Metric::TokensUnavailable => {
            counts
                .unavailable
                .iter()
                .for_each(|(missing, count)| put(Some(missing.as_str()), number(*count)));
        }
        Metric::TokensAcceptedOnOutage => put(None, number(counts.accepted_on_outage)),
        Metric::TokenCache => {
            put(Some("hit"), number(counts.cache_hits));
            put(Some("miss"), number(counts.cache_misses));
        }
        Metric::KeySetFetches => {
            put(Some("ok"), number(counts.key_refreshes));
            put(Some("failed"), number(counts.key_refresh_failures));
        }
        Metric::KeySetKeys => put(None, number(status.keys as u64)),
        Metric::KeySetAge => maybe(status.keys_age_ms.map(seconds)),
        Metric::ListCurrent => maybe(list.map(|list| f64::from(u8::from(list.current)))),
        Metric::ListConnected => maybe(list.map(|list| f64::from(u8::from(list.connected)))),
        Metric::ListAge => maybe(list.and_then(|list| list.age_ms).map(seconds)),
        Metric::ListEntries => maybe(list.map(|list| number(list.entries as u64))),
        Metric::ListResyncs => maybe(list.map(|list| number(list.resyncs))),
        Metric::ListErrors => maybe(list.map(|list| number(list.errors))),
        Metric::ListMalformed => maybe(list.map(|list| number(list.malformed))),
        Metric::ListRestarts => maybe(list.map(|list| number(list.restarts))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "registries know floating point numbers only")]
fn number(value: u64) -> f64 {
    value as f64
}

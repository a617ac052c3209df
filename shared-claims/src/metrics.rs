//! A verifier's metrics, for the metrics registry of a service: read as samples (pull), or reported to an observer
//! (push).
//!
//! # The numbers
//!
//! Counters start at 0 when the verifier is built and only go up. A gauge without a value (for example the age of a
//! list that was never complete) has no sample.
//!
//! | name | kind | label | meaning |
//! |---|---|---|---|
//! | `latchkey_tokens_accepted_total` | counter | | tokens accepted |
//! | `latchkey_tokens_refused_total` | counter | `reason` | tokens that are not valid, by [`Reason`] |
//! | `latchkey_tokens_revoked_total` | counter | `kind` | revoked tokens, by [`RevocationKind`] of the revocation |
//! | `latchkey_tokens_unavailable_total` | counter | `missing` | tokens that could not be checked, by what was [`Missing`] |
//! | `latchkey_tokens_accepted_on_outage_total` | counter | | accepted tokens whose revocation state was not known |
//! | `latchkey_token_cache_total` | counter | `outcome` | tokens with a valid signature, by cache lookup: `hit`, `miss` |
//! | `latchkey_key_set_fetches_total` | counter | `outcome` | requests for the key set: `ok`, `failed` |
//! | `latchkey_key_set_keys` | gauge | | keys in use |
//! | `latchkey_key_set_age_seconds` | gauge | | time since the issuer last sent its keys or confirmed them |
//! | `latchkey_revocation_list_current` | gauge | | 1 while the list is recent enough to decide, else 0 |
//! | `latchkey_revocation_list_connected` | gauge | | 1 if the list's source answered the last request, else 0 |
//! | `latchkey_revocation_list_age_seconds` | gauge | | time since the list was last known to be complete |
//! | `latchkey_revocation_list_entries` | gauge | | revocations held in memory |
//! | `latchkey_revocation_list_resyncs_total` | counter | | times that the list was read again from its beginning |
//! | `latchkey_revocation_list_errors_total` | counter | | attempts to read the list that failed |
//! | `latchkey_revocation_list_malformed_total` | counter | | entries of the list that could not be parsed |
//! | `latchkey_revocation_list_restarts_total` | counter | | panics of the task that follows the list, each with a restart |
//!
//! Worth an alert: `latchkey_tokens_unavailable_total` or `latchkey_tokens_accepted_on_outage_total` goes up,
//! `latchkey_revocation_list_current` is 0, or `latchkey_key_set_age_seconds` comes near the time for which the last
//! keys may be used.
//!
//! # Pull
//!
//! [`Verifier::metric_samples`](crate::verifier::Verifier::metric_samples) returns the current value of every metric. An adapter for
//! the `metrics` crate, to be called every few seconds:
//!
//! ```
//! use shared_claims::metrics::MetricKind;
//! use shared_claims::verifier::Verifier;
//!
//! # #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
//! fn publish(verifier: &Verifier) {
//!     for sample in verifier.metric_samples() {
//!         let labels = sample.label.as_slice();
//!         match sample.metric.kind() {
//!             MetricKind::Counter => metrics::counter!(sample.metric.name(), labels).absolute(sample.value as u64),
//!             _ => metrics::gauge!(sample.metric.name(), labels).set(sample.value),
//!         }
//!     }
//! }
//! ```
//!
//! A registry that must know its metrics in advance, as that of Prometheus, finds them in [`Metric::ALL`];
//! `todo-service/src/observe.rs` is an example of such an adapter.
//!
//! # Push
//!
//! An [`Observer`] is called for each event as it happens.
//!
//! [`Reason`]: crate::verifier::Reason
//! [`RevocationKind`]: crate::revocation::RevocationKind
//! [`Missing`]: crate::verifier::Missing

mod metric;
mod observer;

pub use metric::{Metric, MetricKind};
pub use observer::Observer;

pub(crate) use observer::OptionalObserver;

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

//! What a verifier counts, for a registry of yours: pulled as samples, or pushed to an observer.
//!
//! # The numbers
//!
//! Counters only go up, from 0 when the verifier is built. A gauge that is not known (the age of a list that was never
//! complete) has no sample.
//!
//! | name | kind | label | what it says |
//! |---|---|---|---|
//! | `latchkey_tokens_accepted_total` | counter | | tokens accepted |
//! | `latchkey_tokens_refused_total` | counter | `reason` | tokens bad in themselves, by [`Reason`] |
//! | `latchkey_tokens_revoked_total` | counter | `kind` | tokens refused as revoked, by [`Kind`] of the fact |
//! | `latchkey_tokens_unavailable_total` | counter | `missing` | tokens that could not be checked, by what was [`Missing`] |
//! | `latchkey_tokens_accepted_on_outage_total` | counter | | of the accepted, those whose revocation could not be known |
//! | `latchkey_token_cache_total` | counter | `outcome` | well signed tokens by whether that was known before: `hit`, `miss` |
//! | `latchkey_key_set_fetches_total` | counter | `outcome` | readings of the key set: `ok`, `failed` |
//! | `latchkey_key_set_keys` | gauge | | keys that serve |
//! | `latchkey_key_set_age_seconds` | gauge | | how long ago the issuer last gave or confirmed its keys |
//! | `latchkey_revocation_list_current` | gauge | | 1 while it can be known what is revoked, else 0 |
//! | `latchkey_revocation_list_connected` | gauge | | 1 if the list's source answered last time, else 0 |
//! | `latchkey_revocation_list_age_seconds` | gauge | | how long ago the list was complete: its staleness |
//! | `latchkey_revocation_list_entries` | gauge | | facts held in memory |
//! | `latchkey_revocation_list_resyncs_total` | counter | | readings of the list from its beginning |
//! | `latchkey_revocation_list_errors_total` | counter | | readings of the list that failed |
//! | `latchkey_revocation_list_malformed_total` | counter | | entries of the list that could not be read |
//! | `latchkey_revocation_list_restarts_total` | counter | | panics of what follows the list, each followed by a new start |
//!
//! Worth an alert: `latchkey_tokens_unavailable_total` or `latchkey_tokens_accepted_on_outage_total` going up, `latchkey_revocation_list_current` at
//! 0, `latchkey_key_set_age_seconds` coming near the time that the last keys serve.
//!
//! # Pull
//!
//! [`Verifier::samples`](crate::verifier::Verifier::samples) gives every number as it stands. For the `metrics` crate, to
//! be called every few seconds:
//!
//! ```
//! use shared_claims::metrics::MetricKind;
//! use shared_claims::verifier::Verifier;
//!
//! # #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
//! fn publish(verifier: &Verifier) {
//!     for sample in verifier.samples() {
//!         let labels = sample.label.as_slice();
//!         match sample.metric.kind() {
//!             MetricKind::Counter => metrics::counter!(sample.metric.name(), labels).absolute(sample.value as u64),
//!             _ => metrics::gauge!(sample.metric.name(), labels).set(sample.value),
//!         }
//!     }
//! }
//! ```
//!
//! A registry that wants to know its metrics beforehand, as Prometheus' does, finds them in [`Metric::ALL`];
//! `todo-service/src/observe.rs` is such an adapter.
//!
//! # Push
//!
//! An [`Observer`] is told of each event as it happens.
//!
//! [`Reason`]: crate::verifier::Reason
//! [`Kind`]: crate::revocation::Kind
//! [`Missing`]: crate::verifier::Missing

mod metric;
mod observer;
mod sample;

pub use metric::{Metric, MetricKind};
pub use observer::Observer;
pub use sample::Sample;

pub(crate) use observer::Observed;
pub(crate) use sample::samples;

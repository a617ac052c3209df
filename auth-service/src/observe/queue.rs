//! Numbers of the queue for Prometheus.

use std::sync::Arc;

use service_kit::metrics::{LabeledValue, Metrics};
use shared_claims::clock::SharedClock;
use shared_claims::metrics::MetricKind;

use super::number;
use crate::domain::MessageState;
use crate::queue::{Depth, Outcome, Queue};

/// Registers what is known of the queue.
pub(crate) fn watch_queue(metrics: &Metrics, queue: &Queue, clock: &SharedClock) -> prometheus::Result<()> {
    let counted = queue.clone();
    metrics.register_callback(
        MetricKind::Gauge,
        "latchkey_queue_messages",
        "Messages to others that wait for their delivery, or were given up.",
        &["kind", "state"],
        move || {
            let mut values = Vec::new();
            for (kind, depth) in counted.status().depths() {
                let states = [(MessageState::Waiting, depth.waiting), (MessageState::Failed, depth.failed)];
                values.extend(states.map(|(state, count)| LabeledValue {
                    labels: vec![("kind", kind.to_owned()), ("state", state.as_str().to_owned())],
                    value: number(u64::try_from(count).unwrap_or(0)),
                }));
            }
            values
        },
    )?;
    let (oldest, clock) = (queue.clone(), Arc::clone(clock));
    metrics.register_callback(
        MetricKind::Gauge,
        "latchkey_queue_oldest_seconds",
        "The age of the oldest message that waits.",
        &["kind"],
        move || {
            let now_ms = clock.now_ms();
            let age = |(kind, depth): (&str, Depth)| LabeledValue {
                labels: vec![("kind", kind.to_owned())],
                value: number(
                    depth.oldest_ms.map_or(0, |at_ms| u64::try_from((now_ms - at_ms) / 1000).unwrap_or(0)),
                ),
            };
            oldest.status().depths().into_iter().map(age).collect()
        },
    )?;
    let tried = queue.clone();
    metrics.register_callback(
        MetricKind::Counter,
        "latchkey_queue_tries_total",
        "Tries to deliver a message, by how they ended.",
        &["kind", "outcome"],
        move || {
            let sample = |((kind, outcome), count): ((&str, Outcome), u64)| LabeledValue {
                labels: vec![("kind", kind.to_owned()), ("outcome", outcome.as_str().to_owned())],
                value: number(count),
            };
            tried.status().tries().into_iter().map(sample).collect()
        },
    )
}

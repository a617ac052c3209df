//! Numbers of the throttle.

use service_kit::metrics::{LabeledValue, Metrics};
use shared_claims::metrics::MetricKind;

use super::number;
use crate::throttle::{Throttle, ThrottleStatus};

/// Registers what the throttle has counted and refused.
pub(crate) fn watch_throttle(metrics: &Metrics, throttle: &Throttle) -> prometheus::Result<()> {
    type Read = fn(&ThrottleStatus) -> u64;
    let refusals = throttle.clone();
    metrics.register_callback(
        MetricKind::Counter,
        "latchkey_throttle_refusals_total",
        "Requests refused because a counter was full, by what it counts.",
        &["budget"],
        move || {
            let sample = |(budget, count): (&'static str, u64)| LabeledValue {
                labels: vec![("budget", budget.to_owned())],
                value: number(count),
            };
            refusals.status().refusals.into_iter().map(sample).collect()
        },
    )?;
    let numbers: [(MetricKind, &str, &str, Read); 5] = [
        (
            MetricKind::Counter,
            "latchkey_throttle_waits_total",
            "Attempts that waited for others under way.",
            |status| status.waits,
        ),
        (
            MetricKind::Counter,
            "latchkey_throttle_local_total",
            "Attempts and calls that this process counted by itself.",
            |status| status.local,
        ),
        (
            MetricKind::Counter,
            "latchkey_throttle_no_room_total",
            "Of these, those for whose counters the store had no room.",
            |status| status.no_room,
        ),
        (MetricKind::Gauge, "latchkey_throttle_counters", "Counters in the store.", |status| status.counters),
        (
            MetricKind::Gauge,
            "latchkey_throttle_store_up",
            "1 while the counters that all replicas share can be reached.",
            |status| u64::from(status.is_store_up),
        ),
    ];
    for (kind, name, help, read) in numbers {
        let throttle = throttle.clone();
        metrics.register_callback(kind, name, help, &[], move || {
            LabeledValue::unlabeled(number(read(&throttle.status())))
        })?;
    }
    Ok(())
}

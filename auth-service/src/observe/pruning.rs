//! Numbers of the pruning.

use service_kit::metrics::{LabeledValue, Metrics};
use shared_claims::metrics::MetricKind;

use super::number;
use crate::pruning::{Pruner, Table};

/// Registers what was pruned, by this replica: of several one prunes.
pub(crate) fn watch_pruning(metrics: &Metrics, pruner: &Pruner) -> prometheus::Result<()> {
    let rows = pruner.clone();
    metrics.register_callback(
        MetricKind::Counter,
        "latchkey_pruned_rows_total",
        "Rows removed because they no longer matter, by table.",
        &["table"],
        move || {
            let sample = |table: Table| LabeledValue {
                labels: vec![("table", table.as_str().to_owned())],
                value: number(rows.status().rows(table)),
            };
            Table::ALL.map(sample).to_vec()
        },
    )?;
    let finished = pruner.clone();
    metrics.register_callback(
        MetricKind::Gauge,
        "latchkey_pruned_timestamp_seconds",
        "When this replica last removed all that was due; 0 where it never did.",
        &[],
        move || {
            LabeledValue::unlabeled(number(u64::try_from(finished.status().finished_at_s()).unwrap_or(0)))
        },
    )
}

//! Metrics of the process itself.

use super::{Kind, Metrics, Sample};
use crate::telemetry;

pub(super) fn register(metrics: &Metrics) -> prometheus::Result<()> {
    // What it reads is in `/proc`.
    #[cfg(target_os = "linux")]
    metrics.register(prometheus::process_collector::ProcessCollector::for_self())?;
    metrics.sampled(
        Kind::Counter,
        "latchkey_log_lines_lost_total",
        "Lines of the log that were dropped because nobody took them in time.",
        &[],
        || Sample::plain(f64::from(u32::try_from(telemetry::lost_lines()).unwrap_or(u32::MAX))),
    )
}

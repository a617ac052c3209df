//! Metrics of the process itself.

use super::{Kind, Metrics, Sample};
use crate::telemetry;

pub(super) fn register(metrics: &Metrics, started_at_seconds: i64) -> prometheus::Result<()> {
    metrics.sampled(
        Kind::Gauge,
        "process_start_time_seconds",
        "When the process began, seconds since the epoch.",
        &[],
        move || Sample::plain(i32::try_from(started_at_seconds).map_or(f64::NAN, f64::from)),
    )?;
    metrics.sampled(
        Kind::Counter,
        "latchkey_log_lines_lost_total",
        "Lines of the log that were dropped because nobody took them in time.",
        &[],
        || Sample::plain(f64::from(u32::try_from(telemetry::lost_lines()).unwrap_or(u32::MAX))),
    )?;
    metrics.sampled(
        Kind::Gauge,
        "process_open_fds",
        "Files and connections that the process has open.",
        &[],
        || open_files().map(|count| Sample::plain(f64::from(count))).unwrap_or_default(),
    )?;
    metrics.sampled(
        Kind::Gauge,
        "process_resident_memory_bytes",
        "Memory that the process holds.",
        &[],
        || resident_kib().map(|kib| Sample::plain(f64::from(kib) * 1024.0)).unwrap_or_default(),
    )
}

/// The resident memory, in KiB. Known on Linux only.
fn resident_kib() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The number of open files. Known on Linux only.
fn open_files() -> Option<u32> {
    // One of them is the folder that is being read.
    u32::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)).ok()
}

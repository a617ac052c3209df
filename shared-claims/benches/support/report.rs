//! Prints measurements as rows of the table in `docs/performance.md`.
#![allow(dead_code, reason = "each bench uses its part")]

/// Prints a row: what was measured, the target (`-` for none), and the measured value.
pub(crate) fn row(what: &str, target: &str, figure: &str) {
    println!("| {what} | {target} | {figure} |");
}

/// The median.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The percentile, in thousandths: the value below which `permille` of a thousand values lie.
pub(crate) fn percentile(sorted: &[u64], permille: usize) -> u64 {
    sorted[(sorted.len() * permille / 1000).min(sorted.len() - 1)]
}

//! Measures the delivery of revocations: to followers of the feed, each on its own connection, by an auth-service process
//! with an SQLite file; and to readers of a stream in Redis. Reports how soon all of them know of a logout, and how much
//! processor time and memory that takes.
//!
//! `cargo bench -p auth-service --bench followers -- logouts | redis | herd | flood`; `scripts/bench followers` runs all parts.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a stop-watch"
)]

mod arrivals;
mod crowd;
mod flood;
mod herd;
mod issuer;
mod logouts;
mod lookup;
mod page;
mod process;
mod readers;
#[path = "../../../shared-claims/benches/support/report.rs"]
mod report;
mod resp;
mod table;
mod wire;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program without `--bench`: then there is nothing to do.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !["logouts", "redis", "herd", "flood"].into_iter().any(wanted);
    // Numbers of followers to measure instead of the usual ones.
    let given: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    service_kit::server::raise_open_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if all || wanted("logouts") {
        runtime.block_on(table::logouts(&given));
    }
    if all || wanted("redis") {
        runtime.block_on(table::redis(&given));
    }
    if all || wanted("herd") {
        runtime.block_on(herd::measure());
    }
    if all || wanted("flood") {
        runtime.block_on(flood::measure());
    }
}

//! Measures the services as processes: how fast they response, how fast a revoked token is refused, and what a million
//! revocations cost. Run with `cargo bench -p todo-service --bench services -- http | latency | memory`. The
//! auth-service must be built in the same profile before: `scripts/bench` does both.
#![allow(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a stop-watch"
)]

mod http;
mod latency;
mod memory;
mod process;
#[path = "../../../shared-claims/benches/support/report.rs"]
mod report;
#[path = "../../../shared-claims/benches/support/wrk.rs"]
mod wrk;

#[actix_web::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program without `--bench`; it must not measure then.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !["http", "latency", "memory"].into_iter().any(wanted);
    if all || wanted("http") {
        http::measure().await;
    }
    if all || wanted("latency") {
        latency::measure().await;
    }
    if all || wanted("memory") {
        memory::measure().await;
    }
}

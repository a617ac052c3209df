//! The services as processes: how fast they answer, how fast a token dies, what a million revocations cost them.
//! `cargo bench -p todo-service --bench services -- http | latency | memory`, with the auth-service of the same profile
//! built before: `scripts/bench` does both.
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
    // `cargo test --all-targets` comes without it.
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

//! Measures how fast an auth-service process issues and introspects tokens, compared with what limits it on the same
//! machine: the bare signature, and PostgreSQL. `cargo bench -p auth-service --bench issue -- password | sign |
//! refresh | introspect | authorize | accounts | flood | throttle`; `scripts/bench issue` starts the PostgreSQL that four of them need.
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

mod accounts;
mod authorize;
mod flood;
mod introspect;
mod load;
mod password;
mod pgbench;
mod raw;
mod refresh;
#[path = "../../../shared-claims/benches/support/report.rs"]
mod report;
mod service;
mod sign;
mod throttle;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program without `--bench`: then there is nothing to do.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    let parts = ["password", "sign", "refresh", "introspect", "authorize", "accounts", "flood", "throttle"];
    let all = !parts.into_iter().any(wanted);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if all || wanted("password") {
        password::measure(&runtime);
    }
    if all || wanted("sign") {
        sign::measure(&runtime);
    }
    if all || wanted("refresh") {
        refresh::measure(&runtime);
    }
    if all || wanted("introspect") {
        introspect::measure(&runtime);
    }
    if all || wanted("authorize") {
        authorize::measure(&runtime);
    }
    if all || wanted("accounts") {
        accounts::measure(&runtime);
    }
    if all || wanted("flood") {
        flood::measure(&runtime);
    }
    if all || wanted("throttle") {
        throttle::measure(&runtime);
    }
}

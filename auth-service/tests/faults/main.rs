//! The fault matrix: an auth-service process, a Redis process, a proxy on each side of Redis, and verifiers of every
//! kind. The verifiers check valid and revoked tokens all the time, while faults are injected one after the other.
//!
//! All answers are then checked against the four points of the promise in `docs/revocation.md`: see [`promise`]. A row
//! is a [`fault::Fault`] of the table, and can be run alone by its name:
//!
//! ```text
//! cargo test -p auth-service --test faults -- redis_killed
//! ```
//!
//! `at_random` runs a random schedule and prints its seed. `LATCHKEY_FAULTS_SEED` repeats a schedule, and
//! `LATCHKEY_FAULTS_SECONDS` makes it longer than the default 20 seconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod deployment;
mod fault;
#[expect(dead_code, reason = "shared with tests/processes, which uses all of it")]
#[path = "../processes/helpers.rs"]
mod helpers;
mod promise;
mod random;
mod restored;
mod row;
mod table;
mod watch;

use libtest_mimic::{Arguments, Trial};

/// The number of rows that run at the same time. A row mostly waits.
const PARALLEL_ROWS: usize = 8;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(PARALLEL_ROWS);
    let mut trials = vec![Trial::test("at_random", || run_in_runtime(random::run()))];
    for (name, fault) in table::rows() {
        trials.push(Trial::test(name, move || run_in_runtime(row::run(fault))));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn run_in_runtime(row: impl Future<Output = ()>) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(row);
    Ok(())
}

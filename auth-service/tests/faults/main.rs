//! The fault matrix: the auth-service as a process, a Redis process, a proxy on each side of it, and verifiers of every
//! kind that are asked all the time, with good and with revoked tokens, while one thing after the other breaks.
//!
//! What is judged is the whole record of answers, against the four points of the promise in `docs/revocation.md`:
//! see [`judge`]. A row is a [`fault::Fault`] of the table below, and runs alone by its name:
//!
//! ```text
//! cargo test -p auth-service --test faults -- redis_killed
//! ```
//!
//! `at_random` is a schedule drawn from a seed, which it prints: `LATCHKEY_FAULTS_SEED` repeats one,
//! `LATCHKEY_FAULTS_SECONDS` makes it longer than its 20 seconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod fault;
#[expect(dead_code, reason = "shared with tests/processes, which uses all of it")]
#[path = "../processes/helpers.rs"]
mod helpers;
mod judge;
mod random;
mod row;
mod site;
mod table;
mod watch;

use libtest_mimic::{Arguments, Trial};

/// Rows at once. They wait most of the time.
const AT_ONCE: usize = 8;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let mut trials = vec![Trial::test("at_random", || in_runtime(random::run()))];
    for (name, fault) in table::rows() {
        trials.push(Trial::test(name, move || in_runtime(row::run(fault))));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn in_runtime(row: impl Future<Output = ()>) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(row);
    Ok(())
}

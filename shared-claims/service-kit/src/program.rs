//! How a program begins and ends.

use std::future::Future;
use std::process::ExitCode;

/// Runs a program on this thread to its exit code, and leaves.
///
/// Leaving does not wait for other threads. The runtime would: for each thread that is in a call of the system, also
/// one that waits for an answer which never comes. What such a thread works on was not acknowledged to anybody.
pub fn run(program: impl Future<Output = ExitCode>) -> ExitCode {
    let system = actix_web::rt::System::new();
    let code = system.block_on(program);
    // Its drop is what waits.
    std::mem::forget(system);
    code
}

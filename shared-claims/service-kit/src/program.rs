//! Starts and ends a program.

use std::future::Future;
use std::process::ExitCode;

/// Runs a program on this thread and exits with its exit code.
///
/// The exit does not wait for other threads. The runtime would wait for each thread in a blocking call, even for one
/// whose response never comes. The work of such a thread was not acknowledged to anybody.
pub fn run(program: impl Future<Output = ExitCode>) -> ExitCode {
    let system = actix_web::rt::System::new();
    let code = system.block_on(program);
    // Dropping it would wait for those threads.
    std::mem::forget(system);
    code
}

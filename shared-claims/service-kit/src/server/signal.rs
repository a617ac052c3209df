//! The start and the end of a program: runs it, waits for the signal that stops it, and ends the process afterwards even
//! if a thread is blocked.

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

/// Runs a program on this thread and exits with its exit code.
///
/// The exit does not wait for other threads. The runtime would wait for each thread in a blocking call, even for one
/// whose response never comes. The work of such a thread was not acknowledged to anybody.
pub fn run_program(program: impl Future<Output = ExitCode>) -> ExitCode {
    let system = actix_web::rt::System::new();
    let code = system.block_on(program);
    // Dropping it would wait for those threads.
    std::mem::forget(system);
    code
}

/// Longer than a normal shutdown takes in the worst case, and less than a second.
const LAST_GRACE: Duration = Duration::from_millis(800);

/// Completes at the first SIGTERM or SIGINT. Signals count from this call on, not from the first poll.
///
/// After the signal, a separate thread ends the process when `patience` and a little less than a second have passed,
/// even if another thread is blocked in a system call, for example in a write to a log that nobody reads. The exit code
/// is then 0, as after a normal shutdown: the stop was requested, and everything that was acknowledged is stored
/// durably.
pub fn stop_signal(patience: Duration) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The thread is started now, because there may be no memory for one when the signal arrives.
    let (signalled, end) = std::sync::mpsc::channel::<()>();
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        // An error means that the sender is gone and no signal will come.
        if end.recv().is_ok() {
            let _ = end.recv_timeout(patience + LAST_GRACE);
            std::process::exit(0);
        }
    })?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = signalled.send(());
        // The sender must live until the process ends. If it were dropped, the thread would end the process at once.
        std::mem::forget(signalled);
    })
}

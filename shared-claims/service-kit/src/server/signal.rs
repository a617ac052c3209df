//! The signal that stops the program, and the end that follows it whatever blocks.

use std::future::Future;
use std::io;
use std::time::Duration;

/// Longer than an orderly stop takes in the worst case, and less than a second.
const LAST_GRACE: Duration = Duration::from_millis(800);

/// Done at the first SIGTERM or SIGINT. Listens from the call on, not from the first poll.
///
/// From the signal on, a thread of its own ends the process after `patience` and less than a second: also where a
/// thread is stuck in a call of the system that never returns, like a write to a log that nobody reads. The exit code
/// is then 0, as after an orderly stop: it was asked for, and whatever was acknowledged is durable.
pub fn stop_signal(patience: Duration) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Begun now: at the signal there may be no memory or thread to be had.
    let (signalled, end) = std::sync::mpsc::channel::<()>();
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        // An error is the end of whoever would have told us.
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
        // Lives until the process ends, or the thread would end it at once.
        std::mem::forget(signalled);
    })
}

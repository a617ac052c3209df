//! Runs a program, waits for the signal that stops it, tells long-running handlers about it, and ends the process even
//! if a thread is blocked.

use std::future::{Future, Ready, ready};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use tokio::sync::watch;

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
/// After the signal, a separate thread ends the process when `shutdown_timeout` and a little less than a second have
/// passed, even if another thread is blocked in a system call, for example in a write to a log that nobody reads. The
/// exit code is then 0, as after a normal shutdown: the stop was requested, and everything that was acknowledged is
/// stored durably.
pub fn stop_signal(shutdown_timeout: Duration) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The thread is started now, because there may be no memory for one when the signal arrives.
    let (signalled, end) = std::sync::mpsc::channel::<()>();
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        // An error means that the sender is gone and no signal will come.
        if end.recv().is_ok() {
            let _ = end.recv_timeout(shutdown_timeout + LAST_GRACE);
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

/// Runs the start of a service. SIGTERM or SIGINT ends it, for example while it waits for its database: the result is then
/// `None`. The process is to exit, with success. Blocking calls that run are left alone.
///
/// # Errors
/// If no signal handler can be installed.
pub async fn unless_stopped<T>(start: impl Future<Output = T>) -> io::Result<Option<T>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A signal that arrives from here until `stop_signal` is not lost: this thread passes it on when it next waits.
    tokio::select! {
        started = start => return Ok(Some(started)),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("server.stopped_while_starting");
    Ok(None)
}

/// Tells a handler that the server is stopping, so that a handler that waits for new data can respond at once instead
/// of delaying the shutdown. An extractor.
#[derive(Clone, Debug)]
pub struct ShutdownSignal(Option<watch::Receiver<bool>>);

impl ShutdownSignal {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// Completes when the server starts to stop.
    pub async fn wait(mut self) {
        if let Some(receiver) = &mut self.0 {
            // An error means that the server has ended.
            let _ = receiver.wait_for(|is_stopping| *is_stopping).await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

impl FromRequest for ShutdownSignal {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    /// In an application that was not created by [`bind`](super::bind), it never completes.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.app_data::<Self>().cloned().unwrap_or(Self(None))))
    }
}

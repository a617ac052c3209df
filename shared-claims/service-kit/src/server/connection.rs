//! A connection with time limits that actix-web lacks: for clients that do not read their response, read it a few bytes
//! at a time, or start a request and do not complete it.
//!
//! actix-web limits the time for the head of a connection's first request and the idle time. It has no limit for
//! writing, and none for the head of a later request.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::address_limit::AddressSlot;
use crate::http::HttpSettings;
use crate::metrics::OpenConnection;

/// The bytes per second that a client must read on average.
const MIN_BYTES_PER_SECOND: f64 = 4096.0;

/// How many times longer than `stalled` a client that reads slowly is waited for. The kernel takes data in large
/// pieces, so a slow client can look as if it read nothing between two of them.
const SLOW_READER_FACTOR: u32 = 3;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionTimeLimits {
    /// The limit for a client that reads nothing of what was sent.
    stalled: Duration,
    /// The limit from one response to the next: idle time, sending the head, and processing. A connection without a
    /// response is closed after this time, or up to a quarter of it later.
    quiet: Duration,
}

/// How often, within `quiet`, it is checked whether something was written. Recording the time of each response instead
/// would cost every request a read of the clock.
const QUIET_CHECKS: u32 = 4;

impl ConnectionTimeLimits {
    pub(super) fn of(settings: &HttpSettings) -> Self {
        let quiet =
            [settings.keep_alive_seconds, settings.client_timeout_seconds, settings.request_timeout_seconds];
        Self {
            stalled: Duration::from_secs(settings.stalled_seconds),
            // One second more, so that the specific limits apply first.
            quiet: Duration::from_secs(quiet.iter().sum::<u64>() + 1),
        }
    }
}

/// A socket that fails with [`ErrorKind::TimedOut`] when the client exceeds a limit.
pub(super) struct Connection {
    socket: TcpStream,
    limits: ConnectionTimeLimits,
    /// When to check the limits next.
    timer: Pin<Box<Sleep>>,
    /// Whether something was written since the last check.
    has_written: bool,
    /// How many more checks in a row may find that nothing was written.
    checks_left: u32,
    blocked: Option<Blocked>,
    metrics: OpenConnection,
    _slot: Option<AddressSlot>,
}

/// State of a connection whose client reads more slowly than the service writes.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    since: Instant,
    written: usize,
    /// Whether the current piece had to wait.
    has_waited: bool,
}

impl Connection {
    pub(super) fn new(
        socket: TcpStream,
        limits: ConnectionTimeLimits,
        metrics: OpenConnection,
        slot: Option<AddressSlot>,
    ) -> Self {
        Self {
            socket,
            limits,
            timer: Box::pin(sleep(limits.quiet / QUIET_CHECKS)),
            has_written: false,
            checks_left: QUIET_CHECKS,
            blocked: None,
            metrics,
            _slot: slot,
        }
    }

    /// Prepares the end of a connection whose client was waited for in vain, and counts it.
    pub(super) fn give_up(&self) -> Error {
        // Without this, closing the socket would leave the unread data in the kernel.
        let _ = self.socket.set_zero_linger();
        self.metrics.stalled(Error::from(ErrorKind::TimedOut))
    }

    /// Returns an error if a limit is exceeded. Otherwise the task is woken for the next check.
    fn check(&mut self, context: &mut Context<'_>) -> Result<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let Some(next) = self.next_check(Instant::now()) else {
                return Err(self.give_up());
            };
            self.timer.as_mut().reset(next);
        }
        Ok(())
    }

    /// When to check next; `None` if a limit is exceeded.
    fn next_check(&mut self, now: Instant) -> Option<Instant> {
        let has_written = std::mem::take(&mut self.has_written);
        let Some(blocked) = self.blocked else {
            self.checks_left = if has_written { QUIET_CHECKS } else { self.checks_left.saturating_sub(1) };
            return (self.checks_left > 0).then(|| now + self.limits.quiet / QUIET_CHECKS);
        };
        let end = blocked.since + self.limits.stalled * SLOW_READER_FACTOR;
        if now < end {
            return Some(end);
        }
        let due = (now - blocked.since).as_secs_f64() * MIN_BYTES_PER_SECOND;
        #[expect(clippy::cast_precision_loss, reason = "compared with a rate")]
        let is_fast_enough = blocked.written as f64 >= due;
        is_fast_enough.then(|| now + self.limits.stalled)
    }

    fn wrote(&mut self, length: usize, is_whole: bool) {
        self.has_written = true;
        if let Some(blocked) = &mut self.blocked {
            blocked.written = blocked.written.saturating_add(length);
            if is_whole && !blocked.has_waited {
                self.blocked = None;
            }
        }
    }

    fn must_wait(&mut self) {
        if let Some(blocked) = &mut self.blocked {
            blocked.has_waited = true;
            return;
        }
        let since = Instant::now();
        self.blocked = Some(Blocked { since, written: 0, has_waited: true });
        self.timer.as_mut().reset(since + self.limits.stalled * SLOW_READER_FACTOR);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_read(context, buffer) {
            Poll::Pending => {
                this.check(context)?;
                Poll::Pending
            }
            Poll::Ready(outcome) => Poll::Ready(outcome.map_err(|error| this.metrics.stalled(error))),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_write(context, bytes) {
            Poll::Pending => {
                this.must_wait();
                this.check(context)?;
                Poll::Pending
            }
            Poll::Ready(Ok(length)) => {
                this.wrote(length, length == bytes.len());
                Poll::Ready(Ok(length))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.metrics.stalled(error))),
        }
    }

    /// actix-web calls this after each piece that was written completely.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if let Some(blocked) = &mut this.blocked {
            blocked.has_waited = false;
        }
        Pin::new(&mut this.socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

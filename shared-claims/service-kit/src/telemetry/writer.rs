//! Writes log lines on a separate thread, all waiting lines at once, so that a request does not wait for the system
//! call.
//!
//! The reader of the log may be slow, or may have stopped. Lines then wait in a queue. When it is full, threads that
//! log wait for room, but for no longer than [`PATIENCE`] in total. After that, lines are dropped and counted until the
//! queue was written completely. So a log that nobody reads delays the service once, but does not stop it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

/// The most lines that wait in the queue.
const WAITING: usize = 16 * 1024;

/// How long threads may wait for room in total, from when the queue is full until it was written completely.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the end of the program waits for the remaining lines.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// How long the writing thread pauses after it has written, so that several lines can gather.
const LINGER: Duration = Duration::from_millis(2);

/// The number of dropped lines. It is a static, because the log belongs to the process, as standard error does.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many log lines were dropped because the reader was too slow.
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

enum Message {
    Line(Vec<u8>),
    /// Requests a flush. The sender is dropped when everything before it was written.
    End(Sender<()>),
}

/// The sending side of the queue. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    full_since: Mutex<Option<Instant>>,
    writer: OnceLock<ThreadId>,
    /// Lines that the writing thread itself logs. They bypass the queue, because the thread cannot wait for room that
    /// only it can make.
    own: Mutex<Vec<u8>>,
}

impl Lines {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = bounded(WAITING);
        let shared = Arc::new(Shared::default());
        let writer = Writer { lines, shared: shared.clone(), reported: lost_lines() };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(out))?;
        // This cannot fail: the queue is empty, so the thread has logged nothing yet.
        let _ = shared.writer.set(thread.thread().id());
        Ok(Self { queue, shared })
    }

    fn send(&self, line: Vec<u8>) {
        let line = match self.queue.try_send(Message::Line(line)) {
            Ok(()) => return,
            Err(TrySendError::Full(line) | TrySendError::Disconnected(line)) => line,
        };
        if self.shared.writer.get() == Some(&thread::current().id()) {
            if let Message::Line(line) = line {
                locked(&self.shared.own).extend(line);
            }
            return;
        }
        let since = *locked(&self.shared.full_since).get_or_insert_with(Instant::now);
        let left = PATIENCE.saturating_sub(since.elapsed());
        if left.is_zero() || self.queue.send_timeout(line, left).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines are written. Gives up if the queue or the writing thread is stuck for [`LAST_PATIENCE`].
    pub(super) fn finish(&self) {
        let (end, ended) = bounded(0);
        if self.queue.send_timeout(Message::End(end), LAST_PATIENCE).is_ok() {
            // Always an error, because nothing is sent: the sender is dropped.
            let _ = ended.recv_timeout(LAST_PATIENCE);
        }
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

struct Writer {
    lines: Receiver<Message>,
    shared: Arc<Shared>,
    /// The number of lost lines that were already reported.
    reported: u64,
}

impl Writer {
    /// Write errors are ignored: a full disk may have room again later, and if the reader has ended, nothing can be
    /// done.
    fn run(mut self, mut out: impl Write) {
        while let Ok(first) = self.lines.recv() {
            write(&mut out, first);
            for _ in 0..WAITING {
                let Ok(next) = self.lines.try_recv() else { break };
                write(&mut out, next);
            }
            if self.lines.is_empty() {
                *locked(&self.shared.full_since) = None;
            }
            self.report();
            let own = std::mem::take(&mut *locked(&self.shared.own));
            let _ = out.write_all(&own);
            let _ = out.flush();
            // Under load, lines gather during this pause, and the thread wakes up once for all of them.
            thread::park_timeout(LINGER);
        }
    }

    fn report(&mut self) {
        let lost = lost_lines();
        if lost > self.reported {
            tracing::warn!(lines = lost - self.reported, "log.lines_lost");
            self.reported = lost;
        }
    }
}

fn write(out: &mut impl Write, message: Message) {
    match message {
        Message::Line(line) => {
            let _ = out.write_all(&line);
        }
        Message::End(end) => {
            let _ = out.flush();
            drop(end);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Writes lines on a thread of its own, as many at a time as there are, so that a request does not wait for the system to
//! take its line.
//!
//! Whoever reads the log may be slow, or may have stopped reading. Then lines wait in a queue. Once that is full, those
//! who log wait for room, but for no longer than [`PATIENCE`] in all; from then on lines are dropped and counted until the
//! queue has been written out. So a log that nobody reads delays the service once, and does not stop it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the thread that writes.
const WAITING: usize = 16 * 1024;

/// How long lines may be waited for in all, from when the queue is full until it has been written out.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the end of the program waits for what is still to be written.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// How long the thread that writes leaves lines to gather after it has written some.
const LINGER: Duration = Duration::from_millis(2);

/// Lines of this process that were dropped. The log is the process's own, as is standard error; so is this number.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of the log were dropped because nobody took them.
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

enum Message {
    Line(Vec<u8>),
    /// Everything before it has been written when the other end is dropped.
    End(Sender<()>),
}

/// The way to the thread that writes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    full_since: Mutex<Option<Instant>>,
    writer: OnceLock<ThreadId>,
    /// Lines of the writer's own, for which the queue has no room: it cannot wait for itself.
    own: Mutex<Vec<u8>>,
}

impl Lines {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = bounded(WAITING);
        let shared = Arc::new(Shared::default());
        let writer = Writer { lines, shared: shared.clone(), reported: lost_lines() };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(out))?;
        // Nothing is in the queue yet, so the writer has written nothing of its own.
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

    /// Waits until what was logged is written, for a second at most.
    pub(super) fn finish(&self) {
        let (end, ended) = bounded(0);
        if self.queue.send_timeout(Message::End(end), LAST_PATIENCE).is_ok() {
            // Always an error: nothing is sent.
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
    /// Lost lines of which a line was written.
    reported: u64,
}

impl Writer {
    /// An error of writing is no reason to end: a full disk has room again, and a reader that has died takes nothing more
    /// whatever we do.
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
            // Under load lines gather meanwhile, and the thread is woken once for all of them and not for each.
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

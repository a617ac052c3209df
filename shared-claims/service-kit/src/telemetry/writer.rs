//! Writes log lines on a separate thread, all waiting lines at once, so that a request does not wait for the system
//! call.
//!
//! The reader of the log may be slow, or may have stopped. Lines then wait in a queue. When it is full, threads that
//! log wait for room, but for no longer than [`PATIENCE`] in total. After that, lines are dropped and counted until the
//! queue was written completely. So a log that nobody reads delays the service once, but does not stop it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

/// The most lines that wait in the queue. As many may be with the writing thread at the same time.
const WAITING: usize = 8 * 1024;

/// How long threads may wait for room in total, from when the queue is full until it was written completely.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the end of the program waits for the remaining lines.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// How long the writing thread pauses after it has written, so that several lines can gather.
const LINGER: Duration = Duration::from_millis(2);

/// The most memory that is kept for the next lines, in bytes.
const KEPT: usize = 256 * 1024;

/// The number of dropped lines. It is a static, because the log belongs to the process, as standard error does.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many log lines were dropped because the reader was too slow.
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// The queue of lines. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signalled when the writing thread has taken or written lines.
    progress: Condvar,
    writer: OnceLock<Thread>,
    /// Lines that the writing thread itself logs. They bypass the queue, because the thread cannot wait for room that
    /// only it can make.
    own: Mutex<Vec<u8>>,
}

/// Lines are gathered in one buffer, which the writing thread exchanges for an empty one. So a line costs a lock and a
/// copy, and no memory is passed between threads.
#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    count: usize,
    /// The numbers of lines that were ever queued, and ever written.
    queued: u64,
    written: u64,
    full_since: Option<Instant>,
    /// The writing thread waits until it is woken.
    is_idle: bool,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.count >= WAITING
    }

    fn push(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.count += 1;
        self.queued += 1;
    }

    /// Exchanges the lines for an empty buffer. Returns their number.
    fn take(&mut self, empty: &mut Vec<u8>) -> usize {
        std::mem::swap(&mut self.lines, empty);
        std::mem::take(&mut self.count)
    }
}

impl Lines {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = Writer { shared: shared.clone(), reported: lost_lines() };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(out))?;
        // This cannot fail: it is set only here.
        let _ = shared.writer.set(thread.thread().clone());
        Ok(Self { shared })
    }

    fn send(&self, line: &[u8]) {
        let mut queue = locked(&self.shared.queue);
        if queue.is_full() {
            if self.is_written_by_this_thread() {
                drop(queue);
                locked(&self.shared.own).extend_from_slice(line);
                return;
            }
            queue = self.wait_for_room(queue);
            if queue.is_full() {
                LOST.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        queue.push(line);
        let is_idle = std::mem::take(&mut queue.is_idle);
        drop(queue);
        if is_idle {
            self.wake();
        }
    }

    /// Waits as long as threads may still wait. The queue may be full all the same.
    fn wait_for_room<'a>(&'a self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let since = *queue.full_since.get_or_insert_with(Instant::now);
        let left = PATIENCE.saturating_sub(since.elapsed());
        let waited = self.shared.progress.wait_timeout_while(queue, left, |queue| queue.is_full());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn is_written_by_this_thread(&self) -> bool {
        self.shared.writer.get().is_some_and(|writer| writer.id() == thread::current().id())
    }

    fn wake(&self) {
        if let Some(writer) = self.shared.writer.get() {
            writer.unpark();
        }
    }

    /// Waits until all lines are written. Gives up if the writing thread is stuck for [`LAST_PATIENCE`].
    pub(super) fn finish(&self) {
        let mut queue = locked(&self.shared.queue);
        queue.is_idle = false;
        let last = queue.queued;
        self.wake();
        let written = |queue: &mut Queue| queue.written < last;
        drop(self.shared.progress.wait_timeout_while(queue, LAST_PATIENCE, written));
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(line);
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
    shared: Arc<Shared>,
    /// The number of lost lines that were already reported.
    reported: u64,
}

impl Writer {
    /// Write errors are ignored: a full disk may have room again later, and if the reader has ended, nothing can be
    /// done.
    fn run(mut self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let count = self.next(&mut lines);
            let _ = out.write_all(&lines);
            lines.clear();
            lines.shrink_to(KEPT);
            self.note_written(count);
            self.report();
            let own = std::mem::take(&mut *locked(&self.shared.own));
            let _ = out.write_all(&own);
            let _ = out.flush();
            // Under load, lines gather during this pause, and the thread wakes up once for all of them.
            thread::park_timeout(LINGER);
        }
    }

    /// Waits for lines and takes them all. Returns their number.
    fn next(&self, lines: &mut Vec<u8>) -> usize {
        loop {
            let mut queue = locked(&self.shared.queue);
            if queue.count > 0 {
                let count = queue.take(lines);
                self.shared.progress.notify_all();
                return count;
            }
            queue.is_idle = true;
            drop(queue);
            // Who wakes this thread before it waits is not missed.
            thread::park();
        }
    }

    fn note_written(&self, count: usize) {
        let mut queue = locked(&self.shared.queue);
        queue.written += u64::try_from(count).unwrap_or(u64::MAX);
        if queue.count == 0 {
            queue.full_since = None;
        }
        self.shared.progress.notify_all();
    }

    fn report(&mut self) {
        let lost = lost_lines();
        if lost > self.reported {
            tracing::warn!(lines = lost - self.reported, "log.lines_lost");
            self.reported = lost;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

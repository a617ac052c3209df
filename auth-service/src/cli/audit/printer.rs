//! Standard output, which may block or be closed by a reader that has read enough.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::{mpsc, oneshot};

use super::Failure;

/// The number of chunks that may wait for the output. Beyond it, reading events waits for the output.
const CHUNKS: usize = 4;
/// How long the end of the program waits for an output that blocks.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(1);

/// Writes on a thread of its own, so that a blocked output does not keep a signal from ending the program.
pub(super) struct Printer {
    chunks: mpsc::Sender<String>,
    done: oneshot::Receiver<io::Result<()>>,
}

impl Printer {
    pub(super) fn start() -> Self {
        let (chunks, mut waiting) = mpsc::channel::<String>(CHUNKS);
        let (ended, done) = oneshot::channel();
        std::thread::spawn(move || {
            let mut print = || {
                while let Some(chunk) = waiting.blocking_recv() {
                    let mut out = io::stdout().lock();
                    out.write_all(chunk.as_bytes()).and_then(|()| out.flush())?;
                }
                Ok(())
            };
            // The receiver is gone if the program is ending already.
            let _ = ended.send(print());
        });
        Self { chunks, done }
    }

    /// Queues a chunk for printing. Returns whether the output is still read.
    pub(super) async fn print(&self, chunk: String) -> bool {
        chunk.is_empty() || self.chunks.send(chunk).await.is_ok()
    }

    /// Waits until all queued chunks are written. A reader that has closed the pipe (`| head`) is no error.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        drop(self.chunks);
        match self.done.await {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Like [`Printer::finish`], but waits at most [`MAX_WAIT`].
    pub(super) async fn finish_in_time(self) {
        // The result does not matter: the program was told to end.
        let _ = tokio::time::timeout(MAX_WAIT, self.finish()).await;
    }
}

/// Whether the reading end of standard output is closed. Without this check, `--follow | head` would only end at the
/// next event.
pub(super) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut ends, Some(&no_wait)) {
        Ok(_) => ends.iter().any(|end| end.revents().intersects(PollFlags::ERR | PollFlags::NVAL)),
        Err(_) => false,
    }
}

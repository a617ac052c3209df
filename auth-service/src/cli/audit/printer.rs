//! Standard output, which may be slow, or closed by whoever has read enough.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::{mpsc, oneshot};

use super::Failure;

/// What is on its way to the output: then reading waits for it.
const CHUNKS: usize = 4;
/// How long an end waits for an output that takes nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Writes on a thread of its own: an output that takes nothing does not keep a signal from ending the program.
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
            // Nobody listens any more where the program is ending.
            let _ = ended.send(print());
        });
        Self { chunks, done }
    }

    /// Prints; whether somebody still reads.
    pub(super) async fn print(&self, chunk: String) -> bool {
        chunk.is_empty() || self.chunks.send(chunk).await.is_ok()
    }

    /// Ends after what was printed. A reader that has read enough (`| head`) is no failure.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        drop(self.chunks);
        match self.done.await {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Ends after what was printed, unless that takes long.
    pub(super) async fn give_up(self) {
        // Whatever comes of it: the program was told to end.
        let _ = tokio::time::timeout(PATIENCE, self.finish()).await;
    }
}

/// Whether the other end of standard output is closed; without it, `--follow | head` would end with the next event.
pub(super) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut ends, Some(&at_once)) {
        Ok(_) => ends.iter().any(|end| end.revents().intersects(PollFlags::ERR | PollFlags::NVAL)),
        Err(_) => false,
    }
}

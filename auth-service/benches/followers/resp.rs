//! The part of Redis's protocol (RESP2) that readers of a stream need.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Encodes a command.
pub(crate) fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

pub(crate) struct Link {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The bytes sent and received over all links that share this counter.
    bytes: Arc<AtomicU64>,
}

impl Link {
    pub(crate) async fn open(address: &str, bytes: &Arc<AtomicU64>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(512), bytes: Arc::clone(bytes) }
    }

    pub(crate) async fn send(&mut self, commands: &[u8]) {
        self.bytes.fetch_add(commands.len() as u64, Ordering::Relaxed);
        self.stream.write_all(commands).await.unwrap();
    }

    /// Reads the next `count` replies, undecoded. If the future is dropped, no byte is lost.
    pub(crate) async fn replies(&mut self, count: usize) -> io::Result<Vec<u8>> {
        loop {
            let end = (0..count).try_fold(0, |at, _| end_of_reply(&self.buffer, at));
            if let Some(end) = end {
                let rest = self.buffer.split_off(end);
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            let read = self.stream.read_buf(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        }
    }

    /// Sends commands and reads their replies.
    pub(crate) async fn ask(&mut self, commands: &[u8], count: usize) -> Vec<u8> {
        self.send(commands).await;
        self.replies(count).await.unwrap()
    }
}

/// The end of the reply that begins at `at`, if all of it has arrived.
fn end_of_reply(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let line = rest.windows(2).position(|window| window == b"\r\n")?;
    let next = at + line + 2;
    let number = || std::str::from_utf8(&rest[1..line]).unwrap().parse::<i64>().unwrap();
    match rest[0] {
        b'$' => {
            let end = usize::try_from(number()).map_or(next, |length| next + length + 2);
            (end <= bytes.len()).then_some(end)
        }
        b'*' => (0..number().max(0)).try_fold(next, |at, _| end_of_reply(bytes, at)),
        b'-' => panic!("Redis: {}", String::from_utf8_lossy(&rest[..line])),
        _ => Some(next),
    }
}

//! A TCP stream that is read line by line.
//!
//! After STARTTLS the client must forget what it has read in plaintext (RFC 3207 §4.2): somebody on the wire may have
//! appended replies to the one before the handshake, and they would count as replies of the authenticated server. The SMTP
//! client of `lettre` keeps what its buffer holds. Under this stream its buffer never holds more than the line that it waits
//! for, and what was appended meets the TLS handshake, which fails.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The bytes that are read ahead.
const AHEAD: usize = 4_096;

#[derive(Debug)]
pub(super) struct Linewise {
    stream: TcpStream,
    ahead: Box<[u8; AHEAD]>,
    /// The part of `ahead` that was not handed on.
    from: usize,
    to: usize,
}

impl Linewise {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Box::new([0; AHEAD]), from: 0, to: 0 }
    }
}

impl AsyncRead for Linewise {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.from == this.to {
            let mut ahead = ReadBuf::new(this.ahead.as_mut_slice());
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut ahead))?;
            (this.from, this.to) = (0, ahead.filled().len());
        }
        let waiting = this.ahead.get(this.from..this.to).unwrap_or_default();
        let line = waiting.iter().position(|byte| *byte == b'\n').map_or(waiting.len(), |end| end + 1);
        let count = line.min(buffer.remaining());
        buffer.put_slice(waiting.get(..count).unwrap_or_default());
        this.from += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Linewise {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Linewise {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

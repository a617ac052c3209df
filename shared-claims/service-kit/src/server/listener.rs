//! Listening sockets. Linux hands their options on to the connections that they accept.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Bytes of a connection that the kernel keeps for us before we read them. No body that we take is larger.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Listens at this address. An error names the setting.
pub(super) fn listen(address: SocketAddr, key: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{key}: cannot listen at {address}: {error}")))
}

/// Lets the kernel end a connection whose peer takes nothing of what it was sent for `stalled`: also one that the
/// process has closed already, of which the kernel would keep the unsent bytes for many minutes.
#[cfg(target_os = "linux")]
pub(super) fn bound(listener: &TcpListener, stalled: Duration) -> io::Result<()> {
    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_tcp_user_timeout};
    set_socket_recv_buffer_size(listener, RECEIVE_BUFFER)?;
    set_tcp_user_timeout(listener, u32::try_from(stalled.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Other systems have no such option, or do not hand it on. There the limits of
/// [`Connection`](super::connection::Connection) are the only ones.
#[cfg(not(target_os = "linux"))]
pub(super) fn bound(_: &TcpListener, _: Duration) -> io::Result<()> {
    let _ = RECEIVE_BUFFER;
    Ok(())
}

//! Listening sockets. On Linux, accepted connections inherit their options.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// The receive buffer of a connection in the kernel, bytes. It is as large as the largest body that is accepted.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Listens on this address. An error names the setting.
pub(super) fn listen(address: SocketAddr, key: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{key}: cannot listen at {address}: {error}")))
}

/// Makes the kernel close a connection whose peer has read nothing for `stalled`. This also covers a connection that
/// the process has already closed, whose unsent data the kernel would otherwise keep for many minutes.
#[cfg(target_os = "linux")]
pub(super) fn bound(listener: &TcpListener, stalled: Duration) -> io::Result<()> {
    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_tcp_user_timeout};
    set_socket_recv_buffer_size(listener, RECEIVE_BUFFER)?;
    set_tcp_user_timeout(listener, u32::try_from(stalled.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Other systems have no such option, or connections do not inherit it. There only the limits of
/// [`Connection`](super::connection::Connection) apply.
#[cfg(not(target_os = "linux"))]
pub(super) fn bound(_: &TcpListener, _: Duration) -> io::Result<()> {
    let _ = RECEIVE_BUFFER;
    Ok(())
}

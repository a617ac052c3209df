//! Asks a running service whether it is ready. For the health check of a container without `curl`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

/// The time limit of the whole check, so that a service that sends single bytes cannot delay it.
const PATIENCE: Duration = Duration::from_secs(4);

/// Longer than any response of `/readyz`.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Requests `/readyz` of the service that listens on `bind` on this machine. Returns an error unless the response is
/// 200.
pub fn ask(bind: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let answer = exchange(connect(bind)?, deadline)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("no answer", |(_, body)| body.trim());
    Err(io::Error::other(format!("not ready: {body}")))
}

/// Connects to the service. A service that listens on all addresses is reached on a loopback address. One that listens
/// on `[::]` also accepts IPv4, which is the only way to reach it in a container without IPv6.
fn connect(bind: SocketAddr) -> io::Result<TcpStream> {
    let first = match bind.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    let connected = TcpStream::connect_timeout(&SocketAddr::new(first, bind.port()), PATIENCE / 2);
    if connected.is_err() && bind.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        let second = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bind.port());
        // If both attempts fail, the first error is the more useful one for the operator.
        return TcpStream::connect_timeout(&second, PATIENCE / 2).or(connected);
    }
    connected
}

fn exchange(mut stream: TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let address = stream.peer_addr()?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    let mut rest = stream.try_clone()?.take(LONGEST_ANSWER);
    let mut piece = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match rest.read(&mut piece)? {
            0 => return Ok(answer),
            length => answer.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn asked(answer: &'static str) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let outcome = ask(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        server.join().unwrap();
        outcome
    }

    #[test]
    fn only_200_is_ready() {
        asked("HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
        let error = asked("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"unready\"}").unwrap_err();
        assert_eq!(error.to_string(), "not ready: {\"status\":\"unready\"}");
        asked("").unwrap_err();
    }

    /// In a container without IPv6, a service on `[::]` can only be reached by IPv4.
    #[test]
    fn a_service_on_all_addresses_is_reached_by_ipv4_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
        });
        ask(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).unwrap();
        server.join().unwrap();
        ask(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)).unwrap_err();
    }

    #[test]
    fn an_answer_that_never_ends_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Sends until the other end closes the connection.
            while stream.write_all(b"H").is_ok() {
                thread::park_timeout(Duration::from_millis(100));
            }
        });
        let began = Instant::now();
        let error = ask(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).unwrap_err();
        assert!(began.elapsed() < PATIENCE * 2, "{error} after {:?}", began.elapsed());
        server.join().unwrap();
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        ask(free).unwrap_err();
    }
}

//! Asks a running service whether it can serve: the health check of a container that has no `curl`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, and each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks `/readyz` of the service that listens at `bind` on this machine. An error unless it answers 200.
pub fn ask(bind: SocketAddr) -> io::Result<()> {
    let address = SocketAddr::new(reachable(bind.ip()), bind.port());
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("no answer", |(_, body)| body.trim());
    Err(io::Error::other(format!("not ready: {body}")))
}

/// Where a service that listens on all addresses is reached.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
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

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        ask(free).unwrap_err();
    }
}

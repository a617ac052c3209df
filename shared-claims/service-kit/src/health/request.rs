//! Asks a running service on this machine whether it is ready.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
};

/// The time limit of the whole check, so that a service that sends single bytes cannot delay it.
const REQUEST_TIME_LIMIT: Duration = Duration::from_secs(4);

/// Longer than any response of `/readyz`.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;

/// Requests `/readyz` of the service that listens on `bind` on this machine. Returns an error unless the response is
/// 200. With `is_tls` the service's own listener speaks TLS.
pub fn request_readiness(bind: SocketAddr, is_tls: bool) -> io::Result<()> {
    let socket = connect(bind)?;
    let address = socket.peer_addr()?;
    let stream = LimitedStream { socket, deadline: Instant::now() + REQUEST_TIME_LIMIT };
    let response =
        if is_tls { exchange(over_tls(stream, address)?, address) } else { exchange(stream, address) };
    let response = response?;
    if response.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&response);
    let body = text.split_once("\r\n\r\n").map_or("no response", |(_, body)| body.trim());
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
    let connected = TcpStream::connect_timeout(&SocketAddr::new(first, bind.port()), REQUEST_TIME_LIMIT / 2);
    if connected.is_err() && bind.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        let second = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bind.port());
        // If both attempts fail, the first error is the more useful one for the operator.
        return TcpStream::connect_timeout(&second, REQUEST_TIME_LIMIT / 2).or(connected);
    }
    connected
}

/// A socket whose reads and writes end at a deadline.
struct LimitedStream {
    socket: TcpStream,
    deadline: Instant,
}

impl LimitedStream {
    fn time_left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for LimitedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.time_left()?)?;
        self.socket.read(buffer)
    }
}

impl Write for LimitedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.time_left()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

fn exchange(mut stream: impl Read + Write, address: SocketAddr) -> io::Result<Vec<u8>> {
    stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut response)?;
    Ok(response)
}

/// Speaks TLS. The certificate is not verified: it is made for the public name, the service is this machine's, nothing
/// secret is sent, and only the status of the answer counts.
fn over_tls(stream: LimitedStream, address: SocketAddr) -> io::Result<impl Read + Write> {
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let connection =
        ClientConnection::new(Arc::new(config), address.ip().into()).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn readiness_for(response: &'static str) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(response.as_bytes()).unwrap();
        });
        let outcome = request_readiness(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), false);
        server.join().unwrap();
        outcome
    }

    #[test]
    fn only_a_200_response_is_ready() {
        readiness_for("HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
        let error =
            readiness_for("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"unready\"}").unwrap_err();
        assert_eq!(error.to_string(), "not ready: {\"status\":\"unready\"}");
        readiness_for("").unwrap_err();
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
        request_readiness(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port), false).unwrap();
        server.join().unwrap();
        request_readiness(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port), false).unwrap_err();
    }

    #[test]
    fn a_response_that_never_ends_is_an_error_in_time() {
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
        let error = request_readiness(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), false).unwrap_err();
        assert!(began.elapsed() < REQUEST_TIME_LIMIT * 2, "{error} after {:?}", began.elapsed());
        server.join().unwrap();
    }

    #[test]
    fn a_service_that_does_not_listen_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        request_readiness(free, false).unwrap_err();
    }
}

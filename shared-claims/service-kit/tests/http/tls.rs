//! TLS of the listener itself: `http.tls_cert` and `http.tls_key`.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client};
use service_kit::config::Validate;
use service_kit::health::{HealthChecks, request_readiness};
use service_kit::http::HttpSettings;
use service_kit::server::check_tls;
use tokio::time::Instant;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::{Running, start_with};

/// A folder with a certificate and its key.
struct Files {
    folder: tempfile::TempDir,
}

/// A new certificate for 127.0.0.1, and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

impl Files {
    fn new(cert: &str, key: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(files.cert(), cert).unwrap();
        fs::write(files.key(), key).unwrap();
        files
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn settings(&self) -> HttpSettings {
        let (tls_cert, tls_key) = (Some(self.cert()), Some(self.key()));
        HttpSettings { tls_cert, tls_key, ..HttpSettings::default() }
    }

    fn start(&self, change: impl FnOnce(&mut HttpSettings)) -> Running {
        start_with(
            |http, _| {
                (http.tls_cert, http.tls_key) = (Some(self.cert()), Some(self.key()));
                change(http);
            },
            HealthChecks::new(),
        )
    }
}

/// A client that trusts this certificate only. It has no connection yet.
fn client_of(cert: &str) -> Client {
    let trusted = Certificate::from_pem(cert.as_bytes()).unwrap();
    Client::builder().tls_certs_only([trusted]).timeout(Duration::from_secs(10)).build().unwrap()
}

async fn fetch(client: &Client, address: SocketAddr, path: &str) -> reqwest::Result<(u16, String)> {
    let response = client.get(format!("https://{address}{path}")).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn eventually_served(cert: &str, address: SocketAddr) {
    let began = Instant::now();
    while fetch(&client_of(cert), address, "/notes").await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "the certificate is not served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn clients_that_trust_the_certificate_are_served_and_plain_http_is_not() {
    let (cert, key) = certificate();
    let files = Files::new(&cert, &key);
    let service = files.start(|_| {});
    let client = client_of(&cert);
    for _ in 0..3 {
        assert_eq!(fetch(&client, service.address, "/notes").await.unwrap(), (200, "all".to_owned()));
    }
    // Larger than any buffer between handler and socket.
    let (status, script) = fetch(&client, service.address, "/docs/swagger-ui-bundle.js").await.unwrap();
    assert!(status == 200 && script.len() > 1_000_000);
    assert!(fetch(&client_of(&certificate().0), service.address, "/notes").await.is_err());
    let plain = Client::new().get(format!("http://{}/notes", service.address)).send().await;
    assert!(plain.is_err());
    let address = service.address;
    tokio::task::spawn_blocking(move || {
        request_readiness(address, true).unwrap();
        request_readiness(address, false).unwrap_err();
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn changed_files_are_read_again_and_bad_ones_leave_the_former_certificate() {
    let (first, key) = certificate();
    let files = Files::new(&first, &key);
    let service = files.start(|_| {});
    let open = client_of(&first);
    fetch(&open, service.address, "/notes").await.unwrap();

    let (second, key) = certificate();
    fs::write(files.cert(), &second).unwrap();
    fs::write(files.key(), &key).unwrap();
    eventually_served(&second, service.address).await;
    // A connection that stands goes on.
    fetch(&open, service.address, "/notes").await.unwrap();
    assert!(fetch(&client_of(&first), service.address, "/notes").await.is_err());

    // Another certificate without its key, as between two steps of a renewal that was interrupted.
    let (third, key) = certificate();
    fs::write(files.cert(), &third).unwrap();
    // Longer than two checks of the files.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    fetch(&client_of(&second), service.address, "/notes").await.unwrap();
    // Put in place whole, as certbot and Kubernetes do.
    let new = files.folder.path().join("new.pem");
    fs::write(&new, &key).unwrap();
    fs::rename(&new, files.key()).unwrap();
    eventually_served(&third, service.address).await;
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_handshake_is_disconnected_and_delays_nobody() {
    let (cert, key) = certificate();
    let files = Files::new(&cert, &key);
    let service = files.start(|http| http.client_timeout_seconds = 1);
    let mut silent: Vec<_> = (0..50).map(|_| TcpStream::connect(service.address).unwrap()).collect();
    for (index, stream) in silent.iter_mut().enumerate() {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // Half of them send the beginning of a ClientHello.
        if index % 2 == 0 {
            stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).unwrap();
        }
    }
    let began = Instant::now();
    fetch(&client_of(&cert), service.address, "/notes").await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(900), "served after {:?}", began.elapsed());
    let ended = tokio::task::spawn_blocking(move || {
        for stream in &mut silent {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(0) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
                Ok(_) => panic!("an answer to nothing"),
            }
        }
    });
    ended.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // After the handshake the limits of any connection hold, and all are counted.
    let metrics = fetch(&client_of(&cert), service.address, "/metrics").await.unwrap().1;
    assert!(metrics.contains("latchkey_http_connections_stalled_total 50\n"), "{metrics}");
}

/// A connection with a finished handshake that has read nothing further.
fn connect_over_tls(cert: &str, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), address.ip().into()).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
    StreamOwned::new(connection, socket)
}

#[tokio::test]
async fn the_limits_for_clients_that_do_not_read_hold_over_tls() {
    let (cert, key) = certificate();
    let files = Files::new(&cert, &key);
    let service = files.start(|http| http.stalled_seconds = 1);
    let mut stalled: Vec<_> = (0..5).map(|_| connect_over_tls(&cert, service.address)).collect();
    for stream in &mut stalled {
        let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: h\r\n\r\n".repeat(8);
        stream.write_all(request.as_bytes()).unwrap();
        stream.flush().unwrap();
    }
    let began = Instant::now();
    loop {
        let metrics = fetch(&client_of(&cert), service.address, "/metrics").await.unwrap().1;
        if metrics.contains("latchkey_http_connections_stalled_total 5\n") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_setting() {
    let (cert, key) = certificate();
    let (other, _) = certificate();
    let files = Files::new(&cert, &key);
    check_tls(&files.settings()).unwrap();
    check_tls(&HttpSettings::default()).unwrap();
    let error_of = |cert: &str, key: &str| {
        let files = Files::new(cert, key);
        let line = check_tls(&files.settings()).unwrap_err().to_string();
        assert!(!line.contains('\n') && !line.contains("BEGIN"), "{line}");
        line
    };
    for (cert, key, setting) in [
        ("", key.as_str(), "http.tls_cert: "),
        ("nonsense", &key, "http.tls_cert: "),
        (&key, &key, "http.tls_cert: "),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key, "http.tls_cert: "),
        (&cert, "", "http.tls_key: "),
        (&cert, &cert, "http.tls_key: "),
        (&cert, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "http.tls_key: "),
        (&other, &key, "http.tls_key: "),
    ] {
        let line = error_of(cert, key);
        assert!(line.starts_with(setting), "{line}");
    }
    let missing = HttpSettings { tls_key: Some(Path::new("/no/such.key").into()), ..files.settings() };
    let line = check_tls(&missing).unwrap_err().to_string();
    assert!(line.starts_with("http.tls_key: cannot read /no/such.key"), "{line}");
    let half = HttpSettings { tls_key: None, ..files.settings() };
    assert_eq!(half.validate().unwrap_err().key, "tls_cert");
    let half = HttpSettings { tls_cert: None, ..files.settings() };
    assert_eq!(half.validate().unwrap_err().key, "tls_key");
}

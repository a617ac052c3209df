//! TLS of the listener: the certificate and its key, which are read again when their files change, and the handshake.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use super::connection::Connection;
use crate::http::HttpSettings;

/// How often it is checked whether the files have changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Checks the files of `http.tls_cert` and `http.tls_key`, if they are set. The error names the setting.
pub fn check_tls(settings: &HttpSettings) -> io::Result<()> {
    TlsFiles::of(settings).map_or(Ok(()), |files| files.load().map(drop))
}

/// The files of the certificate and of its key.
#[derive(Clone, Debug)]
struct TlsFiles {
    cert: PathBuf,
    key: PathBuf,
}

/// What tells two states of a file apart: device, inode, size, and the time of the last change of the inode, which no
/// program can set.
type FileState = (u64, u64, u64, i64, i64);

impl TlsFiles {
    fn of(settings: &HttpSettings) -> Option<Self> {
        let (cert, key) = settings.tls_cert.clone().zip(settings.tls_key.clone())?;
        Some(Self { cert, key })
    }

    /// The states of both files; `None` for one that cannot be found.
    fn states(&self) -> [Option<FileState>; 2] {
        [&self.cert, &self.key].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec()))
        })
    }

    fn load(&self) -> io::Result<CertifiedKey> {
        let (cert_path, key_path) = (self.cert.display(), self.key.display());
        let invalid = |line: String| io::Error::new(io::ErrorKind::InvalidData, line);
        let pem = read("http.tls_cert", &self.cert)?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().ok();
        let chain = chain.filter(|chain| !chain.is_empty());
        let chain = chain
            .ok_or_else(|| invalid(format!("http.tls_cert: {cert_path} holds no certificate in PEM")))?;
        let pem = read("http.tls_key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| invalid(format!("http.tls_key: {key_path} holds no private key in PEM")))?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                invalid(format!("http.tls_key: {key_path} is not the key of the certificate in {cert_path}"))
            }
            rustls::Error::InvalidCertificate(_) => {
                invalid(format!("http.tls_cert: the certificate in {cert_path} cannot be read"))
            }
            _ => {
                invalid(format!("http.tls_key: the key in {key_path} cannot be used: RSA, ECDSA or Ed25519"))
            }
        })
    }
}

fn read(setting: &str, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("{setting}: cannot read {}: {error}", path.display()))
    };
    fs::read(path).map(Zeroizing::new).map_err(named)
}

/// The certificate that new connections get, with its key.
#[derive(Debug)]
struct CurrentCertificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The TLS of a listener. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<CurrentCertificate>,
    files: TlsFiles,
    /// The states of the files when they were read.
    read: [Option<FileState>; 2],
    time_limit: Duration,
}

impl Tls {
    /// Reads the files; `None` if the settings name none. The error names the setting.
    pub(super) fn load(settings: &HttpSettings) -> io::Result<Option<Self>> {
        let Some(files) = TlsFiles::of(settings) else { return Ok(None) };
        // Before the files are read: a change in between is then seen as one.
        let read = files.states();
        let certificate = Arc::new(CurrentCertificate(ArcSwap::from_pointee(files.load()?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let time_limit = Duration::from_secs(settings.client_timeout_seconds);
        Ok(Some(Self { acceptor, certificate, files, read, time_limit }))
    }

    /// Reads the files again whenever they have changed, as long as the runtime lives. If they cannot be used, the former
    /// certificate stays, and one warning is logged.
    pub(super) async fn follow_files(self) {
        let (mut read, mut seen) = (self.read, self.read);
        loop {
            sleep(CHECK_INTERVAL).await;
            let files = self.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || files.states()).await else { return };
            // Files that have just changed may still be written, or the other one may follow.
            let are_still = now == seen;
            seen = now;
            if now == read || !are_still {
                continue;
            }
            read = now;
            let files = self.files.clone();
            match tokio::task::spawn_blocking(move || files.load()).await {
                Ok(Ok(certificate)) => {
                    self.certificate.0.store(Arc::new(certificate));
                    tracing::info!("tls.reloaded");
                }
                Ok(Err(error)) => tracing::warn!(%error, "tls.not_reloaded: the former certificate stays"),
                // The runtime has ended.
                Err(_) => return,
            }
        }
    }

    /// Does the handshake, for which the client has as long as for the head of a request.
    pub(super) async fn accept(&self, connection: Connection) -> io::Result<TlsStream<Connection>> {
        let mut handshake = self.acceptor.accept(connection);
        match timeout(self.time_limit, &mut handshake).await {
            Ok(accepted) => accepted,
            Err(_) => {
                Err(handshake.get_ref().map_or_else(|| io::ErrorKind::TimedOut.into(), Connection::give_up))
            }
        }
    }
}

/// A connection to a client, with or without TLS.
pub(super) enum ClientStream {
    Plain(Connection),
    Tls(Box<TlsStream<Connection>>),
}

/// Calls a method of the stream that is inside.
macro_rules! delegate {
    ($this:ident, $stream:ident => $call:expr) => {
        match $this.get_mut() {
            ClientStream::Plain(inner) => {
                let $stream = Pin::new(inner);
                $call
            }
            ClientStream::Tls(inner) => {
                let $stream = Pin::new(inner.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_shutdown(context))
    }
}

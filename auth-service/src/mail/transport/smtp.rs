//! Mails by SMTP (RFC 5321, RFC 6409): a connection for each mail.
//!
//! No connection is kept for the next mail. So none can have gone stale, and relays that allow an account few connections
//! at a time see no idle ones.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::linewise::Linewise;
use super::stage::Stage;
use super::{Listener, SendError, SmtpServer, Tls, TransportError};
use crate::mail::ehlo::EhloName;
use crate::mail::message::Mail;

/// How an SMTP server is reached.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// The server.
    pub server: SmtpServer,
    /// The name that we give ourselves.
    pub ehlo_name: EhloName,
    /// A file with PEM certificates, which alone are trusted; unset: the system's roots.
    pub ca_file: Option<PathBuf>,
    /// How long each step may take.
    pub limits: SmtpLimits,
}

/// How long the steps of a delivery may take.
#[derive(Clone, Copy, Debug)]
pub struct SmtpLimits {
    /// To connect.
    pub connect: Duration,
    /// For the greeting, for a TLS handshake, and for each reply.
    pub reply: Duration,
    /// For the reply to the mail itself. Whoever gives up too early sends a mail twice.
    pub accept: Duration,
}

impl Default for SmtpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(15),
            accept: Duration::from_secs(30),
        }
    }
}

/// How long the good-bye may take. The server has the mail by then.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

pub(in crate::mail) struct Smtp {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
}

impl Smtp {
    pub(super) fn new(settings: SmtpSettings) -> Result<Self, TransportError> {
        let tls = match settings.server.tls {
            Tls::Off => None,
            Tls::Implicit | Tls::StartTls => Some(tls_parameters(&settings)?),
        };
        Ok(Self { settings, tls })
    }

    pub(super) async fn send(&self, mail: &Mail, listener: Listener<'_>) -> Result<(), SendError> {
        let mut connection = self.open(listener).await?;
        self.hand_over(&mut connection, mail, listener).await?;
        // How the connection ends does not matter: the server has the mail.
        let _ = timeout(QUIT_LIMIT, connection.quit()).await;
        Ok(())
    }

    /// Connects, encrypts and authenticates.
    async fn open(&self, listener: Listener<'_>) -> Result<AsyncSmtpConnection, SendError> {
        let SmtpSettings { server, ehlo_name, limits, .. } = &self.settings;
        let (host, port, ehlo) = (server.host.as_str(), server.port, ehlo_name.client_id());
        listener(&format!("Connecting to {host}, port {port}, as {ehlo}"));
        let mut connection = if let (Tls::Implicit, Some(tls)) = (server.tls, &self.tls) {
            let (limit, tls) = (limits.connect + limits.reply, Some(tls.clone()));
            let opening =
                AsyncSmtpConnection::connect_tokio1((host, port), Some(limits.connect), ehlo, tls, None);
            self.step(Stage::Implicit, limit, listener, opening).await?
        } else {
            let connecting = timeout(limits.connect, TcpStream::connect((host, port))).await;
            let stream = match connecting {
                Ok(Ok(stream)) => Box::new(Linewise::new(stream)),
                Ok(Err(error)) => return Err(told(listener, Stage::Connect.broken(&error))),
                Err(_) => return Err(told(listener, Stage::Connect.too_late(limits.connect))),
            };
            listener("Connected");
            let opening = AsyncSmtpConnection::connect_with_transport(stream, ehlo);
            self.step(Stage::Plain, limits.reply, listener, opening).await?
        };
        listener(&format!("The server says: {}", connection.server_info()));
        if let (Tls::StartTls, Some(tls)) = (server.tls, &self.tls) {
            if !connection.can_starttls() {
                return Err(told(listener, Stage::StartTls.refused("the mail server offers no STARTTLS")));
            }
            let upgrading = connection.starttls(tls.clone(), ehlo);
            self.step(Stage::StartTls, limits.reply, listener, upgrading).await?;
            listener(&format!("Encrypted by STARTTLS. The server says: {}", connection.server_info()));
        }
        self.authenticate(&mut connection, listener).await?;
        Ok(connection)
    }

    async fn authenticate(
        &self,
        connection: &mut AsyncSmtpConnection,
        listener: Listener<'_>,
    ) -> Result<(), SendError> {
        let Some(credentials) = &self.settings.server.credentials else { return Ok(()) };
        let Some(mechanism) = connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS) else {
            let offers_none = "the mail server offers neither AUTH PLAIN nor AUTH LOGIN";
            return Err(told(listener, Stage::Auth.refused(offers_none)));
        };
        listener(&format!("AUTH {mechanism} (user and password are not shown)"));
        let (limit, mechanisms) = (self.settings.limits.reply, [mechanism]);
        let authenticating = connection.auth(&mechanisms, credentials);
        let reply = self.step(Stage::Auth, limit, listener, authenticating).await?;
        listener(&shown(&reply));
        Ok(())
    }

    /// Gives the mail to the server, which is responsible for it once it has answered 250.
    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        listener: Listener<'_>,
    ) -> Result<(), SendError> {
        let SmtpLimits { reply: limit, accept, .. } = self.settings.limits;
        let command = MailFrom::new(mail.envelope.from().cloned(), Vec::new());
        listener(command.to_string().trim_end());
        let reply = self.step(Stage::Sender, limit, listener, connection.command(command)).await?;
        listener(&shown(&reply));
        for to in mail.envelope.to() {
            let command = Rcpt::new(to.clone(), Vec::new());
            listener(command.to_string().trim_end());
            let reply = self.step(Stage::Recipient, limit, listener, connection.command(command)).await?;
            listener(&shown(&reply));
        }
        listener("DATA");
        let reply = self.step(Stage::Content, limit, listener, connection.command(Data)).await?;
        listener(&shown(&reply));
        listener(&format!("({} bytes)", mail.bytes.len()));
        let reply = self.step(Stage::Content, accept, listener, connection.message(&mail.bytes)).await?;
        listener(&shown(&reply));
        Ok(())
    }

    /// A step of the dialogue, within its limit.
    async fn step<T>(
        &self,
        stage: Stage,
        limit: Duration,
        listener: Listener<'_>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SendError> {
        match timeout(limit, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                listener(&error.to_string());
                Err(stage.failed(&error))
            }
            Err(_) => Err(told(listener, stage.too_late(limit))),
        }
    }
}

fn told(listener: Listener<'_>, error: SendError) -> SendError {
    listener(&error.summary);
    error
}

/// A reply as the server gave it.
fn shown(reply: &Response) -> String {
    let text: Vec<_> = reply.message().collect();
    format!("{} {}", reply.code(), text.join(" "))
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, TransportError> {
    let mut builder = TlsParametersBuilder::new(settings.server.host.clone());
    if let Some(path) = &settings.ca_file {
        let unreadable = |source| TransportError::UnreadableCa { path: path.clone(), source };
        let pem = fs::read(path).map_err(unreadable)?;
        let none = || TransportError::NoCertificate { path: path.clone() };
        if !pem.windows(11).any(|bytes| bytes == b"-----BEGIN ") {
            return Err(none());
        }
        let certificate = Certificate::from_pem(&pem).map_err(|_| none())?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build().map_err(|error| TransportError::Tls(error.to_string()))
}

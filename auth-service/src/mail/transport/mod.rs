//! How mails leave.

mod folder;
mod linewise;
mod server;
mod smtp;
mod stage;

use std::path::PathBuf;

use super::message::Mail;
use folder::Folder;
pub use server::{InvalidServer, SmtpServer, Tls};
use smtp::Smtp;
pub use smtp::{SmtpLimits, SmtpSettings};

/// The transport of an installation.
#[derive(Clone, Debug)]
pub enum TransportSettings {
    /// No mail is sent.
    None,
    /// A file for each mail.
    Folder(PathBuf),
    /// An SMTP server, which delivers the mails.
    Smtp(Box<SmtpSettings>),
}

/// Why mails cannot be sent with these settings. One line that names the setting.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The file with certificates cannot be read.
    #[error("mail.ca_file: {} cannot be read: {source}", path.display())]
    UnreadableCa {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file holds no certificate.
    #[error("mail.ca_file: {} holds no certificate in PEM form", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// TLS cannot be set up, for example because the system has no root certificates.
    #[error(
        "mail.smtp_url: TLS cannot be set up: {0}. Are the system's root certificates installed? Else set mail.ca_file"
    )]
    Tls(String),
}

/// Why a mail did not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// Whether the receiver refused this mail for good, so that no other try would help.
    pub is_final: bool,
    /// What happened, without an address of a person and without a secret.
    pub summary: String,
    /// What the operator can do.
    pub advice: &'static str,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.summary)
    }
}

/// Hears what a transport does, line by line. The lines hold no secret, but they hold addresses.
pub type Listener<'a> = &'a (dyn Fn(&str) + Send + Sync);

pub(super) enum Transport {
    None,
    Folder(Folder),
    Smtp(Box<Smtp>),
}

impl Transport {
    /// Reads the file with certificates, if there is one. Blocks while it reads.
    pub(super) fn new(settings: TransportSettings) -> Result<Self, TransportError> {
        Ok(match settings {
            TransportSettings::None => Self::None,
            TransportSettings::Folder(path) => Self::Folder(Folder::new(path)),
            TransportSettings::Smtp(settings) => Self::Smtp(Box::new(Smtp::new(*settings)?)),
        })
    }

    /// The name, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Folder(_) => "folder",
            Self::Smtp(_) => "smtp",
        }
    }

    pub(super) async fn send(&self, mail: &Mail, listener: Listener<'_>) -> Result<(), SendError> {
        match self {
            Self::None => Err(SendError {
                is_final: false,
                summary: "mail is off: mail.transport is none".to_owned(),
                advice: "set mail.transport to smtp or folder",
            }),
            Self::Folder(folder) => folder.send(mail, listener).await,
            Self::Smtp(smtp) => smtp.send(mail, listener).await,
        }
    }
}

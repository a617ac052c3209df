//! The steps of a delivery by SMTP, and what their failures mean for the mail and for the operator.

use std::error::Error as _;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error;

use super::SendError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The TCP connection.
    Connect,
    /// TLS from the first byte, the greeting and EHLO.
    Implicit,
    /// The greeting and EHLO in plaintext.
    Plain,
    /// STARTTLS, the handshake and EHLO.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the mail.
    Content,
}

impl Stage {
    fn what(self) -> &'static str {
        match self {
            Self::Connect => "the mail server cannot be reached",
            Self::Implicit => "the mail server did not begin a TLS session",
            Self::Plain => "the mail server did not greet",
            Self::StartTls => "the mail server did not encrypt the connection",
            Self::Auth => "the mail server refused user and password",
            Self::Sender => "the mail server refused the sender",
            Self::Recipient => "the mail server refused the receiver",
            Self::Content => "the mail server refused the mail",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Connect => {
                "look at the host and the port of mail.smtp_url, and at firewalls between here and there"
            }
            Self::Implicit => {
                "look at mail.smtp_url: smtps:// is for a port with TLS from the start (465), smtp://…?tls=required for one \
                 with STARTTLS (587). If the certificate is from an authority of your own, set mail.ca_file"
            }
            Self::Plain => {
                "look at mail.smtp_url: a port with TLS from the start (465) needs smtps://. Some servers greet no address \
                 that they do not know"
            }
            Self::StartTls => {
                "look at mail.smtp_url: a port with TLS from the start (465) needs smtps://. If the certificate is from an \
                 authority of your own, set mail.ca_file. Nothing is sent unencrypted instead"
            }
            Self::Auth => {
                "look at the user and the password in mail.smtp_url (special characters encoded: % as %25)"
            }
            Self::Sender => {
                "look at mail.from: the server must allow this sender; perhaps it wants a password in mail.smtp_url"
            }
            Self::Recipient => {
                "the server takes no mail for this address; perhaps it wants a password in mail.smtp_url"
            }
            Self::Content => "look at the server's log; mail.from must be a sender that it trusts",
        }
    }

    /// Whether a refusal for good concerns this one mail. One that comes earlier would meet every mail: it is about the
    /// settings, which somebody will put right.
    fn is_about_the_mail(self) -> bool {
        matches!(self, Self::Recipient | Self::Content)
    }

    pub(super) fn failed(self, error: &Error) -> SendError {
        if self == Self::Implicit && is_of_tcp(error) {
            return Self::Connect.failed(error);
        }
        let summary = match (error.status(), self) {
            (Some(code), _) => format!("{}: {code}{}", self.what(), enhanced_code(error)),
            (None, Self::Auth | Self::Sender | Self::Recipient | Self::Content) => {
                format!("the connection to the mail server broke: {error}")
            }
            (None, _) => format!("{}: {error}", self.what()),
        };
        let is_final = error.is_permanent() && self.is_about_the_mail();
        SendError { is_final, summary, advice: self.advice() }
    }

    pub(super) fn broken(self, error: &dyn Display) -> SendError {
        let summary = format!("{}: {error}", self.what());
        SendError { is_final: false, summary, advice: self.advice() }
    }

    pub(super) fn refused(self, summary: &str) -> SendError {
        SendError { is_final: false, summary: summary.to_owned(), advice: self.advice() }
    }

    pub(super) fn too_late(self, limit: Duration) -> SendError {
        let summary = format!("{} within {} s", self.what(), limit.as_secs_f32());
        SendError { is_final: false, summary, advice: self.advice() }
    }
}

/// Whether the TCP connection failed, and not what came after it. A failed handshake is invalid data, or an early end.
fn is_of_tcp(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| {
        !matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        )
    })
}

/// The enhanced status code (RFC 3463) with which the text of a reply begins. The rest of the text may hold an address.
fn enhanced_code(error: &Error) -> String {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let first = text.split_whitespace().next().unwrap_or_default();
    let parts: Vec<_> = first.split('.').collect();
    let is_code = parts.len() == 3
        && parts
            .iter()
            .all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()));
    if is_code { format!(" {first}") } else { String::new() }
}

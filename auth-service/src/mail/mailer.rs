//! Renders letters and sends them.

use uuid::Uuid;

use super::message::{Mail, MailSender, UnusableAddress, compose};
use super::render::{Rendered, Renderer};
use super::transport::{Listener, SendError, Transport, TransportError, TransportSettings};
use super::{Letter, Letterhead, Locale};
use crate::domain::Email;

/// What the mails of this installation are made with.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// What every mail has in common.
    pub head: Letterhead,
    /// The sender.
    pub from: MailSender,
    /// How mails leave.
    pub transport: TransportSettings,
}

/// Renders letters and sends them.
pub struct Mailer {
    renderer: Renderer,
    from: MailSender,
    transport: Transport,
}

impl Mailer {
    /// Reads the file with certificates, if there is one. Blocks while it reads.
    pub fn new(settings: MailSettings) -> Result<Self, TransportError> {
        let MailSettings { head, from, transport } = settings;
        Ok(Self { renderer: Renderer::new(head), from, transport: Transport::new(transport)? })
    }

    /// The name of the transport, for the log.
    pub fn transport(&self) -> &'static str {
        self.transport.name()
    }

    /// Renders a letter.
    pub fn render(&self, locale: Locale, letter: &Letter) -> Rendered {
        self.renderer.render(locale, letter)
    }

    /// Sends a letter. The same `id` gives the same `Message-ID`, so that a mail which arrives twice can be recognised.
    pub async fn send(&self, envelope: Outgoing<'_>, listener: Listener<'_>) -> Result<(), SendError> {
        let mail = self.compose(&envelope).map_err(|UnusableAddress| SendError {
            is_final: true,
            summary: "the address cannot be written in a mail".to_owned(),
            advice: "give the user another address",
        })?;
        self.transport.send(&mail, listener).await
    }

    fn compose(&self, outgoing: &Outgoing<'_>) -> Result<Mail, UnusableAddress> {
        let rendered = self.render(outgoing.language, outgoing.letter);
        compose(rendered, &self.from, outgoing.to, outgoing.id, outgoing.at_ms)
    }
}

/// A letter on its way.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The id of the mail.
    pub id: Uuid,
    /// The address that it goes to.
    pub to: &'a Email,
    /// The language.
    pub language: Locale,
    /// What it says.
    pub letter: &'a Letter,
    /// The current time, in milliseconds since the epoch.
    pub at_ms: i64,
}

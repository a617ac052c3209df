//! Puts a rendered letter into the form in which it is sent (RFC 5322, RFC 2046).

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use uuid::Uuid;

use super::render::Rendered;
use crate::domain::Email;

/// The sender of all mails: an address, and a name if there is one.
#[derive(Clone, Debug)]
pub struct MailSender(Mailbox);

/// A text is not a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address, or a name and an address: Latchkey <no-reply@example.com>")]
pub struct InvalidSender;

impl MailSender {
    /// Parses `Name <local@domain>` or `local@domain`.
    pub fn parse(text: &str) -> Result<Self, InvalidSender> {
        if text.chars().any(char::is_control) {
            return Err(InvalidSender);
        }
        let mailbox: Mailbox = text.parse().map_err(|_| InvalidSender)?;
        if !mailbox.email.user().is_ascii() || !mailbox.email.domain().is_ascii() {
            return Err(InvalidSender);
        }
        Ok(Self(mailbox))
    }

    /// The domain of the address.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }
}

/// A mail as it is handed to a transport.
#[derive(Clone)]
pub(super) struct Mail {
    pub(super) id: Uuid,
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

/// The address of the receiver cannot be written in a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnusableAddress;

/// Composes a mail. The same `id` gives the same `Message-ID`, at the sender's domain.
pub(super) fn compose(
    rendered: Rendered,
    sender: &MailSender,
    to: &Email,
    id: Uuid,
    at_ms: i64,
) -> Result<Mail, UnusableAddress> {
    let (user, domain) = to.as_str().rsplit_once('@').ok_or(UnusableAddress)?;
    let to = Address::new(user, domain).map_err(|_| UnusableAddress)?;
    if !to.user().is_ascii() || !to.domain().is_ascii() {
        return Err(UnusableAddress);
    }
    let envelope = Envelope::new(Some(sender.0.email.clone()), vec![to.clone()]);
    let sent_at = UNIX_EPOCH + Duration::from_millis(u64::try_from(at_ms).unwrap_or_default());
    let Rendered { subject, text, html } = rendered;
    let parts = MultiPart::alternative()
        .boundary(format!("=_{}", id.simple()))
        .singlepart(part(ContentType::TEXT_PLAIN, &text))
        .singlepart(part(ContentType::TEXT_HTML, &html));
    let message = Message::builder()
        .from(sender.0.clone())
        .to(Mailbox::new(None, to))
        .subject(subject)
        .date(sent_at)
        .message_id(Some(format!("<{id}@{}>", sender.domain())))
        // RFC 3834 §5: no program answers it.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .multipart(parts)
        .map_err(|_| UnusableAddress)?;
    Ok(Mail { id, envelope: envelope.map_err(|_| UnusableAddress)?, bytes: message.formatted() })
}

/// The longest line that SMTP carries, in bytes (RFC 5321 §4.5.3.1.6), without the line break.
const LONGEST_LINE: usize = 998;

/// A part that is sent as it is where it is ASCII, and as base64 otherwise. Quoted-printable is never chosen: it breaks
/// links, and writes `=` in another way, which some programs that look for links do not undo.
fn part(content_type: ContentType, text: &str) -> SinglePart {
    let is_plain = text.is_ascii()
        && !text.contains(['\r', '\0'])
        && text.split('\n').all(|line| line.len() <= LONGEST_LINE);
    let lines = text.replace('\n', "\r\n").into_bytes();
    let body = if is_plain {
        Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit)
    } else {
        // A value that is not a `String` is always base64.
        Body::new(lines)
    };
    SinglePart::builder().header(content_type).body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_an_ascii_address_and_no_line_break() {
        for (text, domain) in [
            ("Latchkey <no-reply@localhost>", "localhost"),
            ("no-reply@example.com", "example.com"),
            ("\"Müller, Söhne\" <post@example.com>", "example.com"),
        ] {
            assert_eq!(MailSender::parse(text).unwrap().domain(), domain);
        }
        for text in
            ["", "Latchkey", "a@b\r\nBcc: c@d", "Latchkey <no-reply@>", "ü@example.com", "a@bücher.example"]
        {
            assert!(MailSender::parse(text).is_err(), "{text:?}");
        }
    }
}

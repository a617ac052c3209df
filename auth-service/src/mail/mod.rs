//! The mail room: what mails say, how they look, and how they leave. It knows nothing of the database.
//!
//! A mail is a message of the queue, of the kind [`MAIL`](crate::domain::MAIL). At each try the handler asks a
//! [`LetterSource`] what to write and to whom, renders the [`Letter`], and gives it to the transport.

mod ehlo;
mod handler;
mod letter;
mod link;
mod mailer;
mod message;
mod render;
mod samples;
mod source;
mod transport;

pub use self::ehlo::{EhloName, InvalidEhloName};
pub use self::handler::{MailParts, Mails};
pub use self::letter::{Letter, MailedLink};
pub use self::link::{LinkTarget, link};
pub use self::mailer::{MailSettings, Mailer, Outgoing};
pub use self::message::{InvalidSender, MailSender};
pub use self::render::{Letterhead, Rendered};
pub use self::samples::samples;
pub use self::source::{LetterError, LetterSource, Writing, Written};
pub use self::transport::{
    InvalidServer, Listener, SendError, SmtpLimits, SmtpServer, SmtpSettings, Tls, TransportError,
    TransportSettings,
};
pub use crate::pages::Locale;

#[cfg(test)]
mod tests;

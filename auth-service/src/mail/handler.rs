//! The handler of the queue that sends mails.

use std::sync::Arc;
use std::time::Duration;

use shared_claims::clock::SharedClock;

use super::{LetterSource, Mailer, Outgoing, Written};
use crate::domain::{MAIL, QueuedMessage};
use crate::queue::{Delivery, Handler, Sending};

/// How long a try may take: more than the sum of what a server that works needs. When a replica dies, another one takes the
/// mail over some seconds after this time.
const TRY_LIMIT: Duration = Duration::from_secs(45);

/// The most mails at a time, over all replicas. Some providers accept no fourth connection of an account.
const MOST_AT_A_TIME: usize = 3;

/// The parts that [`Mails`] is built from.
pub struct MailParts {
    /// Renders and sends.
    pub mailer: Arc<Mailer>,
    /// Decides who gets which letter.
    pub source: Arc<dyn LetterSource>,
    /// The clock.
    pub clock: SharedClock,
}

/// The handler of mails.
pub struct Mails {
    parts: MailParts,
}

impl Mails {
    /// Builds the handler.
    pub fn new(parts: MailParts) -> Self {
        Self { parts }
    }

    async fn deliver(&self, message: &QueuedMessage) -> Delivery {
        let MailParts { mailer, source, clock } = &self.parts;
        let (to, language, letter) = match source.write(message).await {
            Ok(Written::Letter { to, language, letter }) => (to, language, letter),
            Ok(Written::Nobody(reason)) => return Delivery::Pointless(reason),
            Err(error) => return Delivery::Failed(format!("the letter cannot be written: {error}")),
        };
        let outgoing = Outgoing { id: message.id, to: &to, language, letter: &letter, at_ms: clock.now_ms() };
        let (id, transport) = (message.id, mailer.transport());
        match mailer.send(outgoing, &|_| ()).await {
            Ok(()) => {
                tracing::info!(%id, letter = letter.name(), transport, "mail.sent");
                Delivery::Delivered
            }
            Err(error) => {
                let (final_, advice) = (error.is_final, error.advice);
                tracing::warn!(%id, letter = letter.name(), transport, %error, advice, "mail.not_sent");
                if final_ { Delivery::Refused(error.summary) } else { Delivery::Failed(error.summary) }
            }
        }
    }
}

impl Handler for Mails {
    fn kind(&self) -> &'static str {
        MAIL
    }

    fn time_limit(&self) -> Duration {
        TRY_LIMIT
    }

    fn most_at_a_time(&self) -> usize {
        MOST_AT_A_TIME
    }

    fn send(&self, message: QueuedMessage) -> Sending<'_> {
        Box::pin(async move { self.deliver(&message).await })
    }
}

//! What a kind of message brings with it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::domain::QueuedMessage;

/// Sends the messages of one kind.
pub trait Handler: Send + Sync {
    /// The kind: a word that stands in the database, in metrics and on the command line.
    fn kind(&self) -> &'static str;

    /// How long a try may take. After it the try counts as failed.
    fn time_limit(&self) -> Duration;

    /// The most messages of one lane at a time, over all replicas.
    fn most_at_a_time(&self) -> usize {
        4
    }

    /// Whether the messages of a lane are sent one after the other, in the order in which they were written. A message that
    /// fails again and again leaves the line after some tries, so that it holds up no other for ever.
    fn keeps_order(&self) -> bool {
        false
    }

    /// Tries to send a message.
    fn send(&self, message: QueuedMessage) -> Sending<'_>;
}

/// A try in progress.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has the message.
    Delivered,
    /// It is tried again later. The text says why, for the operator: it holds no secret and no address of a person.
    Failed(String),
    /// The receiver refused it for good, so no other try would help. It is given up at once, and stays in the list as failed.
    /// The text follows the same rule.
    Refused(String),
    /// There is nobody to send it to any more. It is deleted.
    Pointless(&'static str),
}

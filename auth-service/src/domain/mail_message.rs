//! The message in the queue from which a mail is made.

use super::NewMessage;

/// The kind of these messages in the queue.
pub const MAIL: &str = "mail";

/// The lane of all mails. They go to one relay, so the limit of a lane bounds the connections to it over all replicas. A
/// mail that waits for its next try takes no place, so a bad address holds up no other.
const MAIL_LANE: &str = "mail";

impl NewMessage {
    /// A mail. `receiver` is what operators see in the list of the queue, such as the id of the user: no address of a
    /// person. `payload` is what the mail is made from at the time of each try: it must hold no valid token.
    pub fn mail(receiver: impl Into<String>, payload: String) -> Self {
        Self { kind: MAIL, receiver: receiver.into(), lane: MAIL_LANE.to_owned(), payload }
    }
}

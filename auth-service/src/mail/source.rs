//! Where letters come from.

use std::future::Future;
use std::pin::Pin;

use service_kit::database::DatabaseError;

use super::{Letter, Locale};
use crate::domain::{Email, QueuedMessage};

/// Makes the letter for a message of the queue.
pub trait LetterSource: Send + Sync {
    /// Decides at the time of a try who gets which letter: looks the user up, makes the token, and stores its hash.
    fn write<'a>(&'a self, message: &'a QueuedMessage) -> Writing<'a>;
}

/// A letter that is being written.
pub type Writing<'a> = Pin<Box<dyn Future<Output = Result<Written, LetterError>> + Send + 'a>>;

/// What a message became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A letter.
    Letter {
        /// The address that it goes to.
        to: Email,
        /// Its language.
        language: Locale,
        /// What it says.
        letter: Letter,
    },
    /// Nothing: there is nobody to write to (any more). The message is deleted. The text says why, for the log.
    Nobody(&'static str),
}

/// Why a letter could not be written. The message is tried again later.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The database failed.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// The payload is not one that this release can read. A replica of a newer release can.
    #[error("the payload cannot be read")]
    UnreadablePayload,
}

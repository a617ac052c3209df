//! The revocation list, read from the issuer's feed: `GET /revocations`.

mod follower;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod settings;
mod source;
mod wire;

pub use settings::{FeedSettings, InvalidFeedToken, InvalidFeedUrl};

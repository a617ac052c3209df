//! The revocation list as the issuer's feed tells it: `GET /revocations`.

mod follower;
mod settings;
mod source;
mod wire;

pub use settings::{FeedSettings, InvalidFeedUrl};

//! The issuer's keys: single keys, the key set, and how it is obtained.

mod fetch;
mod follower;
mod handle;
mod jwk;
mod public_key;
mod schedule;
mod set;
mod source;

pub use handle::KeySetHandle;
pub use public_key::{KeyRefused, PublicKey};
pub use set::{InvalidKeySet, KeySet};

pub(crate) use fetch::Fetcher;
pub(crate) use follower::{FollowSettings, Follower};
pub(crate) use source::KeySource;

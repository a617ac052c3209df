//! The issuer's keys: what is accepted as one, the set, and where it comes from.

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

//! The issuer's keys: single keys, the key set, and how it is obtained.

mod fetch;
mod jwk;
mod public_key;
mod refresher;
mod schedule;
mod set;
mod source;

pub use public_key::{KeyRefused, PublicKey};
pub use set::{InvalidKeySet, KeySet};
pub use source::KeySetHandle;

pub(crate) use fetch::Fetcher;
pub(crate) use refresher::{KeySetRefresher, ListChanges, RefreshSettings};
pub(crate) use source::KeySource;

//! What the fuzz targets hold true of every input. Compiled for them (`--cfg fuzzing`) and for the unit test that gives
//! the committed corpus to each; no part of the crate's surface.
//!
//! Each function takes what the fuzzer made up and panics where the crate's answer is not the one that a second, plainer
//! statement of the rules gives.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

mod loose;
#[cfg(test)]
mod replay;

pub(crate) use loose::Loose;

#[cfg(feature = "feed")]
pub use crate::revocation::fuzzing::feed;
#[cfg(feature = "redis")]
pub use crate::revocation::fuzzing::stream;
pub use crate::verifier::fuzzing::{header, json, key_set, token};

//! The properties that the fuzz targets check for every input. Compiled for the fuzz targets (`--cfg fuzzing`) and for
//! the unit test that runs each check on the committed corpus. Not part of the crate's public API.
//!
//! Each function takes the fuzzer's input and panics if the crate's result differs from that of a second, simpler
//! implementation of the same rules.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

mod lenient_json;
#[cfg(test)]
mod replay;

pub(crate) use lenient_json::LenientJson;

#[cfg(feature = "feed")]
pub use crate::revocation::fuzzing::feed;
#[cfg(feature = "redis")]
pub use crate::revocation::fuzzing::stream;
pub use crate::verifier::fuzzing::{header, json, key_set, token};

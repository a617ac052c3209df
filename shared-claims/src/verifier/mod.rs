//! Verify access tokens: key set, signature, claims, times, revocation.

mod builder;
mod cache;
mod check;
mod error;
mod json;
mod keys;
mod metrics;
mod payload;
mod self_test;
mod token;
mod verified;
#[cfg(test)]
mod wycheproof;

pub use builder::{OnOutage, VerifierBuilder};
pub use check::{Verifier, VerifierStatus};
#[cfg(feature = "actix")]
pub(crate) use error::INVALID_TOKEN;
pub use error::{BuildError, Missing, Reason, VerifyError};
pub use keys::{InvalidKeySet, KeyRefused, KeySet, KeySetHandle, PublicKey};
pub use metrics::VerifierMetrics;
pub use verified::Verified;

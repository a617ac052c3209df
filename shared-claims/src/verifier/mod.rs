//! Verify access tokens: key set, signature, claims, times, revocation.
//!
//! The order of the checks is the order of their cost: length, shape and header (`alg`, `typ`, nothing that must be
//! understood, no key that the token brings), claims and times, key and signature, the service's own policy, the
//! revocation list. JSON is read strictly: no member twice at any depth, nesting and members bounded.

mod builder;
mod cache;
mod check;
mod error;
mod json;
mod keys;
mod metrics;
mod payload;
mod self_test;
mod striped;
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

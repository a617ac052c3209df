//! Verify access tokens: key set, signature, claims, times, revocation.
//!
//! The order of the checks is the order of their cost: length, shape and header (`alg`, `typ`, nothing that must be
//! understood, no key that the token brings), claims and times, key and signature, the service's own policy, the
//! revocation list. JSON is read strictly: no member twice at any depth, nesting and members bounded.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use shared_claims::clock::SystemClock;
//! use shared_claims::testing::TestKey;
//! use shared_claims::verifier::{KeySet, KeySetHandle, Reason, Verifier, VerifyError};
//!
//! let keys = KeySetHandle::new();
//! keys.set(KeySet::from_keys([TestKey::shared(0).public()]));
//! let verifier =
//!     Verifier::builder("https://id.example").audience("notes").keys(keys).without_revocation().build().await?;
//!
//! let token = TestKey::shared(0).token("https://id.example", "notes", &SystemClock).sign();
//! assert_eq!(verifier.verify(&token).await?.username.as_deref(), Some("ada"));
//! assert_eq!(verifier.verify("rubbish").await.unwrap_err(), VerifyError::Invalid(Reason::Malformed));
//! # Ok(())
//! # }
//! ```

mod builder;
mod cache;
mod check;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod json;
mod keys;
mod metrics;
mod payload;
mod self_test;
mod source;
mod striped;
mod token;
mod verified;
#[cfg(test)]
mod wycheproof;

pub use builder::{OnOutage, VerifierBuilder};
pub use check::{Verifier, VerifierStatus};
pub use error::{BuildError, Missing, Reason, VerifyError};
pub use keys::{InvalidKeySet, KeyRefused, KeySet, KeySetHandle, PublicKey};
pub use metrics::VerifierMetrics;
pub use verified::Verified;

//! Verifies access tokens: key set, signature, claims, times, revocation.
//!
//! The checks run in the order of their cost: length, shape and header (`alg`, `typ`, no `crit`, no key in the token),
//! claims and times, key and signature, the service's own policies, the revocation list. JSON is parsed strictly: no
//! repeated members at any depth, and limits on nesting and on the number of members.
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
mod source;
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

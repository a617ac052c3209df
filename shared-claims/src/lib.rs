//! Verify Latchkey access tokens offline, and refuse them the moment they are revoked.

#![deny(missing_docs)]

#[cfg(feature = "actix")]
pub mod actix;
pub mod claims;
pub mod clock;
pub mod problem;
pub mod revocation;
pub mod scope;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verifier;

//! Test support: an issuer with keys and tokens, a Redis process, a proxy that misbehaves, and a revocation list that
//! the test writes itself. For tests only: every failure panics.
//!
//! ```
//! # async fn example() {
//! use std::sync::Arc;
//! use shared_claims::clock::SystemClock;
//! use shared_claims::testing::{TestIssuer, TestKey};
//! use shared_claims::verifier::Verifier;
//!
//! let issuer = TestIssuer::start([TestKey::shared(0)]);
//! let verifier = Verifier::builder(issuer.url())
//!     .audience("todo-service")
//!     .without_revocation()
//!     .build()
//!     .await
//!     .unwrap();
//! let token = TestKey::shared(0).token(issuer.url(), "todo-service", &SystemClock).sign();
//! assert!(verifier.verify(&token).await.is_ok());
//! # }
//! ```
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "test support: what goes wrong is a failed test"
)]

mod issuer;
mod key;
mod list;
mod proxy;
mod redis;
mod source;
mod time;
mod token;

pub use issuer::{Behaviour, Fetches, TestIssuer};
pub use key::{SignatureKind, TestKey};
pub use list::ListWriter;
pub use proxy::{Proxy, ProxyMode};
pub use redis::{RedisProcess, free_port};
pub use source::ScriptedSource;
pub use time::{StumblingClock, eventually};
pub use token::{TokenBuilder, token_id};

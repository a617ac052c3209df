//! Verify Latchkey access tokens offline, and refuse them the moment they are revoked.
//!
//! A [`Verifier`](verifier::Verifier) holds the issuer's keys and a copy of its revocation list, and refreshes both in the
//! background. So a check of a token takes microseconds and needs no network:
//!
//! ```no_run
//! # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use shared_claims::verifier::Verifier;
//!
//! let builder = Verifier::builder("http://localhost:8000").audience("notes-service");
//! let verifier = builder.follow_feed().build().await?;
//! let claims = verifier.verify(token).await?;
//! println!("{} may {}", claims.sub, claims.scope);
//! # Ok(())
//! # }
//! ```
//!
//! With actix-web, a handler names the scope that it needs in its signature:
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use shared_claims::actix::{Authenticated, BearerAuth};
//! use shared_claims::{required_scope, verifier::Verifier};
//!
//! required_scope!(NotesRead, "notes:read");
//!
//! async fn notes(user: Authenticated<NotesRead>) -> String {
//!     format!("the notes of {}", user.sub)
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let builder = Verifier::builder("http://localhost:8000").audience("notes-service");
//!     let auth = web::Data::new(BearerAuth::new(builder.follow_feed().build().await?));
//!     HttpServer::new(move || App::new().app_data(auth.clone()).route("/notes", web::get().to(notes)))
//!         .bind("127.0.0.1:8002")?
//!         .run()
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! With axum or tonic, a layer in front of the handlers sends the same responses: `tower::BearerLayer`, in the feature `tower`.
//!
//! Scopes and roles are types ([`require`]). A service can read custom claims
//! ([`custom_claims`](verifier::VerifierBuilder::custom_claims)), add its own rules
//! ([`policy`](verifier::VerifierBuilder::policy)), and show the verifier's counters in its registry ([`metrics`]).
//!
//! # What is promised
//! - A token is accepted only if it is signed with RS256 by a key of the issuer's set, of the type `at+jwt`, for this
//!   audience, within its times, and not revoked.
//! - Once the issuer has acknowledged a revocation, no token that it concerns is accepted later than the bound
//!   ([`MirrorSettings::max_staleness`](revocation::MirrorSettings::max_staleness), 30 s) after that, whatever fails. A
//!   verifier that cannot know whether a token is revoked refuses it:
//!   [`VerifyError::Unavailable`](verifier::VerifyError::Unavailable).
//! - The check of a valid token never waits for a request for keys. With a mirror it does not wait at all.
//!
//! # Features
//! - `actix`: extractors and error answers for actix-web.
//! - `tower`: a layer for axum, tonic and other services that are built with tower.
//! - `feed`, `redis`: the sources from which revocations are learnt.
//! - `testing`: an issuer, keys and tokens for the tests of your service.

#![deny(missing_docs)]

#[cfg(feature = "actix")]
pub mod actix;
mod background;
#[cfg(any(feature = "actix", feature = "tower"))]
mod bearer;
pub mod claims;
pub mod clock;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod issuer;
mod jitter;
pub mod metrics;
pub mod outbound;
pub mod problem;
pub mod require;
pub mod revocation;
pub mod scope;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
pub mod verifier;

/// The crate `http`, version 1. Every function of this crate that takes or returns a status or a header uses its types,
/// with each web framework. (actix-web itself uses `http` 0.2; the module `actix` converts.)
pub use http;

/// Compiles the examples in the README of the repository.
#[cfg(all(doctest, feature = "actix", feature = "feed", feature = "tower"))]
#[doc = include_str!("../../README.md")]
mod readme {}

/// Compiles the examples in the guide.
#[cfg(all(doctest, feature = "actix", feature = "feed", feature = "tower"))]
#[doc = include_str!("../../docs/protect-a-service.md")]
mod guide {}

/// Compiles the examples in the README of this crate.
#[cfg(all(doctest, feature = "actix", feature = "feed"))]
#[doc = include_str!("../README.md")]
mod crate_page {}

//! Verify Latchkey access tokens offline, and refuse them the moment they are revoked.
//!
//! A [`Verifier`](verifier::Verifier) holds the issuer's keys and a copy of its revocation list, both kept fresh in the
//! background, so that checking a token is a matter of microseconds and of no network:
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
//! With actix-web, a handler says in its signature what it needs:
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
//! With axum or tonic, a layer stands before the handlers and answers likewise: `tower::BearerLayer`, of the feature `tower`.
//!
//! Scopes and roles are types ([`require`]); a service reads claims of its own
//! ([`custom_claims`](verifier::VerifierBuilder::custom_claims)), adds rules of its own
//! ([`policy`](verifier::VerifierBuilder::policy)), and has its registry show what is counted ([`metrics`]).
//!
//! # What is promised
//! - A token is accepted only if it is signed with RS256 by a key of the issuer's set, of the type `at+jwt`, for this
//!   audience, within its times, and nothing revoked concerns it.
//! - Once the issuer has acknowledged a revocation, no token that it concerns is accepted later than the bound
//!   ([`MirrorSettings::max_staleness`](revocation::MirrorSettings::max_staleness), 30 s) after that, whatever fails.
//!   Who cannot know refuses: [`VerifyError::Unavailable`](verifier::VerifyError::Unavailable).
//! - The check of a good token waits for no fetch of keys, and with a mirror for nothing at all.
//!
//! # Features
//! - `actix`: extractors and error answers for actix-web.
//! - `tower`: a layer for axum, tonic and whatever else is built of tower's services.
//! - `feed`, `redis`: where revocations are learnt.
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

/// What the README shows has to compile.
#[cfg(all(doctest, feature = "actix", feature = "feed", feature = "tower"))]
#[doc = include_str!("../../README.md")]
mod readme {}

/// So has what the guide shows.
#[cfg(all(doctest, feature = "actix", feature = "feed", feature = "tower"))]
#[doc = include_str!("../../docs/protect-a-service.md")]
mod guide {}

/// So has what the crate's own page shows.
#[cfg(all(doctest, feature = "actix", feature = "feed"))]
#[doc = include_str!("../README.md")]
mod crate_page {}

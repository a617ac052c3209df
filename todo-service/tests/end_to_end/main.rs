//! From a password to a refused token: the real auth-service, the real todo-service as a process of its own, and what
//! carries the revocations between them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod carriers;
mod clients;
mod issuer;
mod journey;
mod paused;
mod service;

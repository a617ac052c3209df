//! From a password to a refused token: the real auth-service, the real todo-service as its own process, and each way in
//! which revocations are delivered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clients;
mod delivery;
mod issuer;
mod journey;
mod paused;
mod service;

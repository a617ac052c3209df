//! Tests of parts of the service without HTTP, with real databases and Redis processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod compose;
mod delivery;
mod eviction;
mod full;
mod helpers;
mod rebuild;
mod rights;
mod topology;
mod two_issuers;

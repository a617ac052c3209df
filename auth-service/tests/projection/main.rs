//! The revocation list's projection against real Redis processes and both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod delivery;
mod eviction;
mod helpers;
mod rebuild;
mod redis_process;

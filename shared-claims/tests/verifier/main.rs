//! Attacks on the verifier that must fail, through its API and over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in tests, also outside the test functions"
)]

mod cache;
mod custom;
mod end_to_end;
mod follow;

mod http;
mod key_set;
mod metrics;
mod mutation;
mod other_list;
mod revocation;
mod rotation;
mod support;
mod times;
mod tokens;

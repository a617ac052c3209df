//! The layer with axum and tonic over HTTP, and a comparison of its responses with those of the actix-web extractors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in tests, also outside the test functions"
)]

mod cases;
mod grpc;
mod layer;
mod readiness;
mod same;
mod servers;
mod support;
mod whoami;

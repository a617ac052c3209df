//! The layer under axum and tonic, through HTTP; and its answers beside those of the extractors for actix-web.
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

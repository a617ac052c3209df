//! Tests of the HTTP API, on both databases, with an issuer and a revocation list of the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod helpers;

#[cfg(target_os = "linux")]
mod abuse;
mod backup;
mod bad_input;
mod base_path;
mod cookies;
mod cors;
mod database;
mod documents;
mod limits;
mod list;
mod metrics_page;
mod observation;
mod revocation;
mod settings;
mod todos;
mod tokens;
mod whoami;

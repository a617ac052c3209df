//! The service through its HTTP surface, on both databases, against an issuer and a revocation list of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod helpers;

#[cfg(target_os = "linux")]
mod abuse;
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

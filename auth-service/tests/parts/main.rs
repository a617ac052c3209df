//! Tests of parts of the service without HTTP, with real databases and Redis processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod compose;
mod compose_files;
mod delivery;
mod eviction;
mod full;
mod helpers;
mod mail_queue;
mod mail_transport;
mod outbound;
mod queue;
mod queue_claims;
mod rebuild;
#[path = "../api/helpers/receiver.rs"]
mod receiver;
mod rights;
mod smtp_server;
mod topology;
mod two_issuers;

//! HTTP behaviour, tested from outside: a small service on its own port, and requests as plain bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod cors;
mod docs;
mod errors;
mod headers;
mod log;
mod metrics;
mod service;
mod shutdown;
mod slow;
mod tls;
mod wire;

use service::{Running, start, start_at, start_with};
use wire::{TestResponse, get, send};

//! What both Latchkey services share at their edges: configuration, database, HTTP manners, observation.

#![deny(missing_docs)]

pub mod config;
pub mod database;
pub mod http;
pub mod metrics;
pub mod telemetry;

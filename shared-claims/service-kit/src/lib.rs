//! What both Latchkey services share at their edges: configuration, database, HTTP manners, observation.
//!
//! A service hands its settings, routes and checks to [`server::bind`], and gets an application with all of it.

#![deny(missing_docs)]

#[cfg(all(feature = "testing", target_os = "linux"))]
pub mod abuse;
pub mod config;
pub mod database;
pub mod docs;
pub mod health;
pub mod healthcheck;
pub mod http;
pub mod metrics;
pub mod program;
pub mod server;
pub mod telemetry;

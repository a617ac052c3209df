//! What both Latchkey services share: configuration, database access, HTTP behaviour, logs and metrics.
//!
//! A service passes its settings, routes and health checks to [`server::bind`] and gets an application that has all of
//! this.

#![deny(missing_docs)]

pub mod config;
pub mod database;
#[cfg(all(feature = "testing", target_os = "linux"))]
pub mod denial_of_service;
pub mod docs;
pub mod health;
pub mod http;
pub mod metrics;
pub mod server;
pub mod telemetry;
pub mod timestamp;

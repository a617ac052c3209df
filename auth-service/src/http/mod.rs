//! The only place that knows actix: one file for each endpoint.

pub mod revocations;

//! The binary as a process of its own: killed at the worst moment, started twice, stopped in order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[cfg(target_os = "linux")]
mod abuse;
mod audit;
mod audit_secrets;
mod clients;
mod databases;
mod durability;
mod feed;
#[cfg(target_os = "linux")]
mod followers;
mod helpers;
mod keys;
mod outages;
mod replicas;
mod starts;
mod stops;
mod users;

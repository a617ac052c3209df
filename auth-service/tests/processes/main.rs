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
mod invitations;
mod keys;
mod mail;
mod outages;
mod proxy;
mod queue;
#[path = "../api/helpers/receiver.rs"]
mod receiver;
mod replicas;
mod restore;
#[path = "../api/helpers/self_signed.rs"]
mod self_signed;
mod start_waits;
mod starts;
mod stops;
mod users;

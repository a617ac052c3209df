//! The Latchkey authorization server: users, sessions, RS256 tokens, the key set and the revocation list.

pub mod accounts;
pub mod audit;
pub mod backchannel;
mod background;
pub mod cli;
pub mod clients;
pub mod config;
pub mod domain;
#[cfg(test)]
pub mod fuzzing;
pub mod http;
pub mod keys;
pub mod mail;
mod maintenance;
mod observe;
pub mod outbound;
pub mod pages;
pub mod passwords;
pub mod pruning;
pub mod queue;
pub mod random;
mod restore;
pub mod revocation;
pub mod seal;
pub mod sign_in;
mod single_flight;
pub mod startup;
pub mod storage;
pub mod throttle;
pub mod tokens;

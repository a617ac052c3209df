//! The Latchkey authorization server: users, sessions, RS256 tokens, the key set and the revocation list.

pub mod accounts;
pub mod audit;
mod background;
pub mod cli;
pub mod clients;
pub mod config;
pub mod domain;
pub mod http;
pub mod keys;
mod maintenance;
mod observe;
pub mod pages;
pub mod passwords;
pub mod pruning;
pub mod random;
pub mod revocation;
pub mod seal;
pub mod sign_in;
mod single_flight;
pub mod startup;
pub mod storage;
mod throttle;
pub mod tokens;

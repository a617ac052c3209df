//! The Latchkey authorization server: users, sessions, RS256 tokens, key set, revocation list.

pub mod accounts;
pub mod domain;
pub mod http;
pub mod keys;
pub mod passwords;
pub mod random;
pub mod revocation;
pub mod storage;
pub mod tokens;

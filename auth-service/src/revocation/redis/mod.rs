//! The revocation list in Redis: reading its state, and the atomic steps that change it.
//!
//! Each step is one script, because it must compare the state with what was read before (the epoch, the Redis process
//! and the stream's last id) and then change it atomically. See `docs/revocation.md` for the protocol and the reason
//! of every comparison.

mod connection;
mod list;
mod scripts;

pub use connection::RedisError;
pub use list::{Delivery, Look, Rebuilt, RevocationList};

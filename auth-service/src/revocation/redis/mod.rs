//! The list as it stands in Redis: what is read of it, and the atomic steps that change it.
//!
//! Each step is one script, since each must compare what it saw before it changes anything: the epoch, the Redis
//! process, and the stream's last id. See `docs/revocation.md` for the protocol and why every comparison is there.

mod connection;
mod list;

pub use connection::RedisError;
pub use list::{Delivery, Look, Rebuilt, RevocationList, SequencedFact};

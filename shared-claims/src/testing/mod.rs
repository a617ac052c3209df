//! Test support: a Redis of one's own, a proxy that misbehaves, a list kept by hand. For tests only: nothing here is
//! careful, and what goes wrong panics.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "test support: what goes wrong is a failed test"
)]

mod list;
mod proxy;
mod redis;
mod wait;

pub use list::ListWriter;
pub use proxy::{Proxy, ProxyMode};
pub use redis::RedisProcess;
pub use wait::eventually;

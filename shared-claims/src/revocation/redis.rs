//! The verifier's side of the revocation list in Redis: key names, connection, mirror and lookup.

mod address;
mod connection;
mod follower;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod lookup;
mod page;
mod question;
mod settings;
mod source;

pub use address::{InvalidRedisUrl, RedisAddress, RedisNode, RedisNotFound};
pub use lookup::RedisLookup;
pub use settings::RedisSettings;

use super::contract::MAX_CLOCK_STEP_MS;

/// For how long the list has been complete by Redis's `TIME`, milliseconds; `None` if `as_of` lies in the future.
fn age_at_source(time_ms: i64, as_of_ms: i64) -> Option<i64> {
    let age = time_ms.saturating_sub(as_of_ms);
    (age >= -MAX_CLOCK_STEP_MS).then(|| age.max(0))
}

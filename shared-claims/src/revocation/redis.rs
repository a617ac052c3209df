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
pub use keys::RedisKeys;
pub use lookup::RedisLookup;
pub use settings::RedisSettings;

/// The most by which Redis's clock may be behind a moment that was read from it earlier, milliseconds. A greater
/// difference shows that the clock was set back; then that moment does not prove that the list is complete.
const CLOCK_STEP_MS: i64 = 1_000;

/// For how long the list has been complete by Redis's `TIME`, milliseconds; `None` if `as_of` lies in the future.
fn age_at_source(time_ms: i64, as_of_ms: i64) -> Option<i64> {
    let age = time_ms.saturating_sub(as_of_ms);
    (age >= -CLOCK_STEP_MS).then(|| age.max(0))
}

/// Whether the epoch was written for this Redis process. An epoch begins with the `run_id` of its process.
fn is_epoch_of(epoch: &str, run_id: &str) -> bool {
    epoch.strip_prefix(run_id).is_some_and(|rest| rest.starts_with(':'))
}

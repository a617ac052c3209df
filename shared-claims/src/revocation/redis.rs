//! The revocation list in Redis, seen from a verifier: how it is named, reached and followed.

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

/// By how much Redis's clock may stand behind a moment that was taken from it, milliseconds. More shows that it was set
/// back, and then the moment proves nothing.
const CLOCK_STEP_MS: i64 = 1_000;

/// How long before Redis's `TIME` the list was complete; `None` when `as_of` lies in the future.
fn age_at_source(time_ms: i64, as_of_ms: i64) -> Option<i64> {
    let age = time_ms.saturating_sub(as_of_ms);
    (age >= -CLOCK_STEP_MS).then(|| age.max(0))
}

/// Whether the list was found whole in that very Redis process.
fn is_epoch_of(epoch: &str, run_id: &str) -> bool {
    epoch.strip_prefix(run_id).is_some_and(|rest| rest.starts_with(':'))
}

//! Background work that continues after a panic.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// Runs one step of repeated work. Returns `None` if it panicked; the panic hook has logged that. The next step
/// starts afresh from the state in Redis and the database.
pub(crate) async fn step<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

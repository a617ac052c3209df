//! Background work that goes on after a panic.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// One step of work that is repeated: `None` when it panicked, which the panic hook has told the log. The next step
/// begins anew, from what Redis and the database say.
pub(crate) async fn step<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

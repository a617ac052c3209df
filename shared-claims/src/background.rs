//! Runs background work and starts it again after a panic.
//!
//! Without the new start the service would stay safe, but unavailable: data that is no longer refreshed becomes too
//! old, and from then on every token is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;

/// Waiting time between a panic and the next start, so that a panic that repeats does not fill the log.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs `work` until it completes. After each panic, calls `panicked` and starts `work` again. The new run starts with
/// new state; only what the caller shares with `work` is carried over from the run that panicked.
pub(crate) async fn until_done<F: Future<Output = ()>>(
    what: &'static str,
    panicked: impl Fn(),
    mut work: impl FnMut() -> F,
) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
        // The panic hook has already logged the panic's own message.
        tracing::error!(what, "background work panicked and is started again");
        let reported = catch_unwind(AssertUnwindSafe(&panicked));
        // `panicked` may call the same code that panicked and panic too. That second panic is ignored: the first one is
        // already logged.
        drop(reported);
        tokio::time::sleep(PAUSE).await;
    }
}

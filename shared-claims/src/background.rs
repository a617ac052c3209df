//! Background work that goes on after a panic.
//!
//! Nothing becomes wrong without it: what nobody follows grows old, and is refused. But it would be refused for good.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;

/// Between a panic and the next start: a panic that comes again does not fill the log.
const PAUSE: Duration = Duration::from_millis(500);

/// Does `work` to its end. Each time that it panics, `panicked` is told, and it is begun anew: nothing that a panic
/// may have left half done is handed on, but what the caller shares with it.
pub(crate) async fn until_done<F: Future<Output = ()>>(
    what: &'static str,
    panicked: impl Fn(),
    mut work: impl FnMut() -> F,
) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
        // The panic's own message went to the panic hook.
        tracing::error!(what, "background work panicked and is begun anew");
        let told = catch_unwind(AssertUnwindSafe(&panicked));
        // Who is told may call on the very code that panicked: then it knows already.
        drop(told);
        tokio::time::sleep(PAUSE).await;
    }
}

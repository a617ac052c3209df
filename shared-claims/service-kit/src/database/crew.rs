//! The threads on which Diesel blocks.

use tokio::runtime::{Builder, Handle, Runtime};

use super::DatabaseError;

/// Threads of the database's own. A thread that waits for an answer which never comes would hold up the end of the
/// runtime that started it; this one ends without waiting for anybody.
pub(super) struct Crew {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Crew {
    /// At most `threads` at once; they end when they have had nothing to do for a while.
    pub(super) fn start(threads: usize) -> Result<Self, DatabaseError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(threads)
            .thread_name("database")
            .enable_time()
            .build()
            .map_err(|error| DatabaseError::Settings(format!("cannot start threads: {error}")))?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

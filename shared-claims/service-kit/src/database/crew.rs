//! The threads on which Diesel's blocking calls run.

use tokio::runtime::{Builder, Handle, Runtime};

use super::DatabaseError;

/// The database's own threads. A thread that waits for a response that never comes would keep the runtime that started
/// it from shutting down; these threads belong to a separate runtime, whose shutdown does not wait.
pub(super) struct Crew {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Crew {
    /// Allows at most `threads` blocking threads at a time. A thread ends when it has been idle for a while.
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

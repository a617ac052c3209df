//! The queue for connections, with a limit on length and waiting time, and the threads on which Diesel's blocking calls
//! run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DatabaseError;

/// A semaphore with as many permits as there are connections. Counts its waiters.
#[derive(Clone)]
pub(super) struct Queue {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    size: u32,
    limit: usize,
    wait_limit: Duration,
}

impl Queue {
    pub(super) fn new(size: u32, limit: usize, wait_limit: Duration) -> Self {
        let permits = usize::try_from(size).unwrap_or(1);
        Self { permits: Arc::new(Semaphore::new(permits)), waiting: Arc::default(), size, limit, wait_limit }
    }

    /// Waits until no permit is in use, for at most `wait_limit`. Returns whether none is.
    pub(super) async fn wait_until_idle(&self, wait_limit: Duration) -> bool {
        let all = self.permits.acquire_many(self.size);
        matches!(tokio::time::timeout(wait_limit, all).await, Ok(Ok(_)))
    }

    /// Waits for a permit, first come, first served. Dropping the permit passes it to the next waiter.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let position = QueuePosition::take(&self.waiting);
        if position.number > self.limit {
            return Err(DatabaseError::Overloaded);
        }
        match tokio::time::timeout(self.wait_limit, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(DatabaseError::Overloaded),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A place in the queue. Dropping it frees the place, however the waiting ends.
struct QueuePosition<'a> {
    waiting: &'a AtomicUsize,
    number: usize,
}

impl<'a> QueuePosition<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, number: waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for QueuePosition<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The database's own threads. A thread that waits for a response that never comes would keep the runtime that started
/// it from shutting down; these threads belong to a separate runtime, whose shutdown does not wait.
pub(super) struct DatabaseThreads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl DatabaseThreads {
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

impl Drop for DatabaseThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

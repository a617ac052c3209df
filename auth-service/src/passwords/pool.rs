//! A pool for hashing: a fixed number of hashes at the same time, a bounded number of waiting requests, and a refusal
//! for any further one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use service_kit::telemetry::LogScope;
use tokio::sync::Semaphore;

use super::PasswordError;

/// More logins are waiting than the queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Overloaded;

/// The load of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPoolStatus {
    /// The number of hashes computed since the start.
    pub hashes: u64,
    /// The number of requests refused since the start because the queue was full.
    pub refused: u64,
    /// The number of requests that wait for a worker.
    pub waiting: usize,
}

#[derive(Default)]
pub(super) struct Counter {
    hashes: AtomicU64,
    refused: AtomicU64,
    waiting: AtomicUsize,
}

impl Counter {
    /// Counts one bcrypt computation.
    pub(super) fn hash(&self) {
        self.hashes.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) struct HashPool {
    workers: Arc<Semaphore>,
    queue_limit: usize,
    counter: Arc<Counter>,
}

/// A place in the queue. It is released on drop, also if the waiting request is cancelled.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HashPool {
    pub(super) fn new(workers: usize, queue_limit: usize) -> Self {
        let workers = Arc::new(Semaphore::new(workers.max(1)));
        Self { workers, queue_limit, counter: Arc::default() }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Counter) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = self.enter()?;
        // The semaphore is never closed, so this cannot fail.
        let permit = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Overloaded)?;
        drop(place);
        let (scope, counter) = (LogScope::current(), Arc::clone(&self.counter));
        let done = tokio::task::spawn_blocking(move || {
            let result = scope.run(|| work(&counter));
            drop(permit);
            result
        });
        done.await.unwrap_or(Err(PasswordError::Panicked))
    }

    fn enter(&self) -> Result<Place<'_>, Overloaded> {
        let before = self.counter.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.counter.waiting);
        if before >= self.queue_limit && self.workers.available_permits() == 0 {
            self.counter.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Overloaded);
        }
        Ok(place)
    }

    pub(super) fn status(&self) -> HashPoolStatus {
        HashPoolStatus {
            hashes: self.counter.hashes.load(Ordering::Relaxed),
            refused: self.counter.refused.load(Ordering::Relaxed),
            waiting: self.counter.waiting.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_beyond_the_queue_are_refused() {
        let pool = Arc::new(HashPool::new(1, 1));
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let work = |gate: Option<std::sync::mpsc::Receiver<()>>| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move {
                pool.run(move |_| {
                    if let Some(gate) = gate {
                        gate.recv().unwrap();
                    }
                    Ok(())
                })
                .await
            })
        };
        let running = work(Some(gate));
        while pool.workers.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting = work(None);
        while pool.status().waiting == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(work(None).await.unwrap(), Err(PasswordError::Overloaded(_))));
        open.send(()).unwrap();
        assert!(running.await.unwrap().is_ok() && waiting.await.unwrap().is_ok());
        assert_eq!(pool.status(), HashPoolStatus { hashes: 0, refused: 1, waiting: 0 });
    }
}

//! The queue for connections, with a limit on length and waiting time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DatabaseError;

/// A semaphore with as many tickets as there are connections. Counts its waiters.
#[derive(Clone)]
pub(super) struct Queue {
    tickets: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    size: u32,
    limit: usize,
    patience: Duration,
}

impl Queue {
    pub(super) fn new(size: u32, limit: usize, patience: Duration) -> Self {
        let tickets = usize::try_from(size).unwrap_or(1);
        Self { tickets: Arc::new(Semaphore::new(tickets)), waiting: Arc::default(), size, limit, patience }
    }

    /// Waits until no ticket is in use, for at most `patience`. Returns whether none is.
    pub(super) async fn drained(&self, patience: Duration) -> bool {
        let all = self.tickets.acquire_many(self.size);
        matches!(tokio::time::timeout(patience, all).await, Ok(Ok(_)))
    }

    /// Waits for a ticket, first come, first served. Dropping the ticket passes it to the next waiter.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        if let Ok(ticket) = Arc::clone(&self.tickets).try_acquire_owned() {
            return Ok(ticket);
        }
        let place = Place::take(&self.waiting);
        if place.number > self.limit {
            return Err(DatabaseError::Overloaded);
        }
        match tokio::time::timeout(self.patience, Arc::clone(&self.tickets).acquire_owned()).await {
            Ok(Ok(ticket)) => Ok(ticket),
            Ok(Err(_)) | Err(_) => Err(DatabaseError::Overloaded),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A place in the queue. Dropping it frees the place, however the waiting ends.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    number: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, number: waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

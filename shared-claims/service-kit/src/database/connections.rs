//! The r2d2 pool, and its replacement when its connections no longer lead to the right server.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use r2d2::{NopErrorHandler, Pool, PooledConnection};
use tokio::time::Instant;

use super::DatabaseError;
use super::pooled::Manager;

/// The pool of connections. r2d2 cannot take a connection back from a thread that blocks in libpq, so the whole pool is
/// replaced instead: a connection that hangs keeps its place in the old pool, which is dropped with its last
/// connection, and the new pool has its full size.
pub(super) struct Connections {
    manager: Manager,
    size: u32,
    patience: Duration,
    current: Mutex<Current>,
}

struct Current {
    pool: Pool<Manager>,
    since: Instant,
}

impl Connections {
    /// Creates the pool without opening a connection. [`open`](Self::open) fails after `patience` without a connection.
    pub(super) fn new(manager: Manager, size: u32, patience: Duration) -> Self {
        let current = Current { pool: pool(&manager, size, patience), since: Instant::now() };
        Self { manager, size, patience, current: Mutex::new(current) }
    }

    /// The number of unused connections.
    pub(super) fn idle(&self) -> u32 {
        self.pool().state().idle_connections
    }

    /// Takes an open, unused connection. Does not block.
    pub(super) fn take(&self) -> Option<PooledConnection<Manager>> {
        self.pool().try_get()
    }

    /// Takes an unused connection or opens a new one. r2d2 connects on its own threads and retries until the deadline.
    /// If there is no connection by then, r2d2's threads may hang, so the pool is replaced for the next caller.
    pub(super) fn open(&self, deadline: Instant) -> Result<PooledConnection<Manager>, DatabaseError> {
        let opened = self.pool().get_timeout(deadline.saturating_duration_since(Instant::now()));
        opened.map_err(|error| {
            self.exchange(|current| current.since.elapsed() > self.patience);
            error.into()
        })
    }

    /// Replaces every connection; those in use are closed when their work is done. Called when one connection leads to
    /// the wrong server or does not answer, because the others were opened to the same server.
    pub(super) fn renew(&self) {
        // If several connections hang at once, only the first one causes a replacement.
        self.exchange(|current| current.pool.state().connections > 0);
    }

    fn pool(&self) -> Pool<Manager> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    fn exchange(&self, is_due: impl FnOnce(&Current) -> bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_due(&current) {
            return;
        }
        let fresh = Current { pool: pool(&self.manager, self.size, self.patience), since: Instant::now() };
        let old = std::mem::replace(&mut *current, fresh);
        drop(current);
        // Closing a connection sends a message to the server, so it happens outside the lock.
        drop(old);
    }
}

fn pool(manager: &Manager, size: u32, patience: Duration) -> Pool<Manager> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        // Limits the pause between two attempts to connect.
        .connection_timeout(patience)
        // The first statement of each piece of work shows whether the connection works.
        .test_on_check_out(false)
        // The caller that waits for the connection logs the error.
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(manager.clone())
}

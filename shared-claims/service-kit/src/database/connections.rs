//! The pool of r2d2, and its exchange for a new one where its connections lead nowhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use r2d2::{NopErrorHandler, Pool, PooledConnection};
use tokio::time::Instant;

use super::DatabaseError;
use super::pooled::Manager;

/// r2d2 cannot take a connection back from a thread that blocks in libpq. So the whole pool is exchanged: a connection
/// that hangs keeps its place in the old pool, which is dropped with its last connection, and the new one has all of
/// its places.
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
    /// Opens no connection yet. Connecting may take as long as `patience` before [`open`](Self::open) fails.
    pub(super) fn new(manager: Manager, size: u32, patience: Duration) -> Self {
        let current = Current { pool: pool(&manager, size, patience), since: Instant::now() };
        Self { manager, size, patience, current: Mutex::new(current) }
    }

    /// Connections that nobody uses.
    pub(super) fn idle(&self) -> u32 {
        self.pool().state().idle_connections
    }

    /// A connection that stands and that nobody uses. Does not block.
    pub(super) fn take(&self) -> Option<PooledConnection<Manager>> {
        self.pool().try_get()
    }

    /// A connection, new if need be: r2d2 connects on threads of its own, again and again until the deadline. Where it has no
    /// connection by then and knows no reason, its threads may hang, and the next caller finds a new pool.
    pub(super) fn open(&self, deadline: Instant) -> Result<PooledConnection<Manager>, DatabaseError> {
        let opened = self.pool().get_timeout(deadline.saturating_duration_since(Instant::now()));
        opened.map_err(|error| {
            self.exchange(|current| current.since.elapsed() > self.patience);
            error.into()
        })
    }

    /// Has every connection opened anew, those in use once their work is done: one of them was found to lead to the wrong
    /// place, or nowhere, and the others were opened to the same.
    pub(super) fn renew(&self) {
        // Of several that hang at once the first one is enough.
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
        // Closing says good-bye to the server: outside of the lock.
        drop(old);
    }
}

fn pool(manager: &Manager, size: u32, patience: Duration) -> Pool<Manager> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        // Bounds the pause between two tries to connect.
        .connection_timeout(patience)
        // The first statement of each piece of work shows whether the connection leads anywhere.
        .test_on_check_out(false)
        // Whoever waits for the connection logs it.
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(manager.clone())
}

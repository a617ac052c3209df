//! The clients as requests see them: a snapshot that is renewed while it is used, and that is valid for a short time
//! only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

use super::ClientsError;
use super::snapshot::Snapshot;
use crate::background;
use crate::single_flight::SingleFlight;

/// How long a reading is valid, in milliseconds on the boot clock. Disabling a client waits for longer than this.
pub(super) const VALID_MS: u64 = 500;
/// From this age on, a use of a reading starts a renewal in the background, so that requests need not wait for one.
const RENEW_MS: u64 = 200;

/// The state of the last reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryStatus {
    /// The number of clients in the last reading.
    pub clients: usize,
    /// The number of rows in that reading, of clients and their secrets, that this version cannot read.
    pub unreadable: usize,
    /// The time since the last reading was begun; `None` before the first one.
    pub age_ms: Option<u64>,
    /// The number of readings, including those that found nothing changed.
    pub reads: u64,
    /// The number of readings that failed.
    pub failures: u64,
}

/// See [`Clients`](super::Clients).
pub(super) struct Registry {
    database: Database,
    clock: SharedClock,
    state: Mutex<ReadingState>,
    /// Only one reading runs at a time, and it serves every request that waits.
    reading: SingleFlight,
    reads: AtomicU64,
    failures: AtomicU64,
}

#[derive(Default)]
struct ReadingState {
    /// The last reading, and the time on the boot clock when it was begun.
    last: Option<(Arc<Snapshot>, u64)>,
    /// The number of changes made by this process. A reading that was begun before a change is dropped.
    changes: u64,
}

impl Registry {
    pub(super) fn new(database: Database, clock: SharedClock) -> Self {
        Self {
            database,
            clock,
            state: Mutex::default(),
            reading: SingleFlight::default(),
            reads: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Returns a snapshot that is still valid, or that was begun after this call.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Result<Arc<Snapshot>, ClientsError> {
        let called_at_ms = self.clock.boot_ms();
        if let Some(snapshot) = self.fresh() {
            self.renew_if_old();
            return Ok(snapshot);
        }
        let _turn = self.reading.turn().await?;
        // A reading of another request, made while this one waited, is used.
        match self
            .last()
            .filter(|(_, begun_at_ms)| self.is_valid(*begun_at_ms) || *begun_at_ms > called_at_ms)
        {
            Some((snapshot, _)) => Ok(snapshot),
            None => self.read().await,
        }
    }

    /// The last reading, however old it is. Must not be used to decide on tokens.
    pub(super) fn last_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.last().map(|(snapshot, _)| snapshot)
    }

    /// The last reading, if it is still valid.
    fn fresh(&self) -> Option<Arc<Snapshot>> {
        self.last().filter(|(_, begun_at_ms)| self.is_valid(*begun_at_ms)).map(|(snapshot, _)| snapshot)
    }

    fn is_valid(&self, begun_at_ms: u64) -> bool {
        self.age_ms(begun_at_ms) <= VALID_MS
    }

    fn age_ms(&self, begun_at_ms: u64) -> u64 {
        self.clock.boot_ms().saturating_sub(begun_at_ms)
    }

    fn last(&self) -> Option<(Arc<Snapshot>, u64)> {
        self.state().last.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, ReadingState> {
        // Every update is a plain assignment, so a panic cannot leave the value half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a reading in the background if the last one is older than [`RENEW_MS`] and none is running.
    fn renew_if_old(self: &Arc<Self>) {
        if self.last().is_some_and(|(_, begun_at_ms)| self.age_ms(begun_at_ms) <= RENEW_MS) {
            return;
        }
        let Some(turn) = self.reading.try_turn() else { return };
        let registry = Arc::clone(self);
        tokio::spawn(async move {
            // An error is ignored here: the next request that needs a reading meets it again and reports it.
            let _ = background::step(registry.read()).await;
            drop(turn);
        });
    }

    /// Reads the clients. The caller holds the turn of `reading`.
    async fn read(&self) -> Result<Arc<Snapshot>, ClientsError> {
        let begun_at_ms = self.clock.boot_ms();
        let (before, changes) = {
            let state = self.state();
            (state.last.as_ref().map(|(snapshot, _)| Arc::clone(snapshot)), state.changes)
        };
        self.reads.fetch_add(1, Ordering::Relaxed);
        let read = self
            .database
            .snapshot(move |conn| Snapshot::read(conn, before.as_ref()).map_err(ClientsError::from));
        let read = self.reading.run(read, |ClientsError::Database(error)| Some(error));
        let snapshot = read.await.inspect_err(|_| {
            self.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        let mut state = self.state();
        if state.changes == changes {
            state.last = Some((Arc::clone(&snapshot), begun_at_ms));
        }
        Ok(snapshot)
    }

    /// Drops the last reading because something changed.
    pub(super) fn invalidate(&self) {
        let mut state = self.state();
        state.changes += 1;
        state.last = None;
    }

    pub(super) fn status(&self) -> RegistryStatus {
        let last = self.last();
        RegistryStatus {
            clients: last.as_ref().map_or(0, |(snapshot, _)| snapshot.len()),
            unreadable: last.as_ref().map_or(0, |(snapshot, _)| snapshot.unreadable()),
            age_ms: last.map(|(_, begun_at_ms)| self.age_ms(begun_at_ms)),
            reads: self.reads.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

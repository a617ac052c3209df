//! The clients as requests know them: a snapshot that is looked at again while it is used, and not used for long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

use super::ClientsError;
use super::snapshot::Snapshot;
use crate::background;
use crate::single_flight::SingleFlight;

/// How long a reading serves, on the boot clock. A client that is switched off gets nothing for longer than that.
pub(super) const VALID_MS: u64 = 500;
/// From this age on whoever uses a reading has it renewed, so that nobody waits.
const RENEW_MS: u64 = 200;

/// What is known of clients, and how old that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryStatus {
    /// Clients in the last reading.
    pub clients: usize,
    /// Rows of that reading, of clients and their secrets, that cannot be read here.
    pub unreadable: usize,
    /// How long ago that was begun; `None` before the first one.
    pub age_ms: Option<u64>,
    /// Readings, those that found nothing changed included.
    pub reads: u64,
    /// Readings that failed.
    pub failures: u64,
}

/// See [`Clients`](super::Clients).
pub(super) struct Registry {
    database: Database,
    clock: SharedClock,
    known: Mutex<Known>,
    /// One reading at a time serves everybody who waits for one.
    reading: SingleFlight,
    reads: AtomicU64,
    failures: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// The last reading, and when on the boot clock it was begun.
    last: Option<(Arc<Snapshot>, u64)>,
    /// Grows with what is changed in this process: a reading that was begun before a change is worth nothing after it.
    changes: u64,
}

impl Registry {
    pub(super) fn new(database: Database, clock: SharedClock) -> Self {
        Self {
            database,
            clock,
            known: Mutex::default(),
            reading: SingleFlight::default(),
            reads: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// A snapshot that is still valid, or was begun after this call.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Result<Arc<Snapshot>, ClientsError> {
        let called_at_ms = self.clock.boot_ms();
        if let Some(snapshot) = self.fresh() {
            self.renew_in_time();
            return Ok(snapshot);
        }
        let _turn = self.reading.turn().await?;
        // Somebody else's reading will do.
        match self
            .last()
            .filter(|(_, begun_at_ms)| self.is_valid(*begun_at_ms) || *begun_at_ms > called_at_ms)
        {
            Some((snapshot, _)) => Ok(snapshot),
            None => self.read().await,
        }
    }

    /// The last reading, however old it is. For what no token rests on.
    pub(super) fn last_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.last().map(|(snapshot, _)| snapshot)
    }

    /// The last reading, while it is valid.
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
        self.known().last.clone()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Each change of it is one assignment, so a panic leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads again beside the request, if the last reading is of a certain age and nobody does so yet.
    fn renew_in_time(self: &Arc<Self>) {
        if self.last().is_some_and(|(_, begun_at_ms)| self.age_ms(begun_at_ms) <= RENEW_MS) {
            return;
        }
        let Some(turn) = self.reading.try_turn() else { return };
        let registry = Arc::clone(self);
        tokio::spawn(async move {
            // What fails here fails again for whoever needs it, and is told there.
            let _ = background::step(registry.read()).await;
            drop(turn);
        });
    }

    /// With the turn to read.
    async fn read(&self) -> Result<Arc<Snapshot>, ClientsError> {
        let begun_at_ms = self.clock.boot_ms();
        let (before, changes) = {
            let known = self.known();
            (known.last.as_ref().map(|(snapshot, _)| Arc::clone(snapshot)), known.changes)
        };
        self.reads.fetch_add(1, Ordering::Relaxed);
        let read = self
            .database
            .snapshot(move |conn| Snapshot::read(conn, before.as_ref()).map_err(ClientsError::from));
        let read = self.reading.run(read, |ClientsError::Database(error)| Some(error));
        let snapshot = read.await.inspect_err(|_| {
            self.failures.fetch_add(1, Ordering::Relaxed);
        })?;
        let mut known = self.known();
        if known.changes == changes {
            known.last = Some((Arc::clone(&snapshot), begun_at_ms));
        }
        Ok(snapshot)
    }

    /// What is known counts no longer: something changed.
    pub(super) fn invalidate(&self) {
        let mut known = self.known();
        known.changes += 1;
        known.last = None;
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

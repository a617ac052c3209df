//! A group of connections with a queue in front of it and a watch over the time that their work takes.
//!
//! There is no limit on a piece of work as a whole, but on each wait in it: connecting (`connect_timeout_seconds` for
//! each host of the URL), the first response on a connection, and each statement of the work, commit included
//! (`statement_timeout_ms` or `lock_timeout_ms`, whichever is longer). Each limit has a margin in which the server
//! itself may report its own time-out. Work that makes progress is never interrupted. If a connection does not respond
//! for longer than that, it is given up: a new connection takes its place, the caller gets an error, and the waiting
//! thread is left alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use r2d2::PooledConnection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::connections::Connections;
use super::crew::Crew;
use super::error::Trouble;
use super::flight::{Bounds, Flight, Overdue, Piece, Stage};
use super::pooled::{Manager, Pooled};
use super::queue::Queue;
use super::transaction::{self, Way};
use super::vitals::Vitals;
use super::{DatabaseError, DatabaseSettings};

/// How often overdue work is looked for.
const TICK: Duration = Duration::from_millis(100);

/// The first pause before connecting is retried. It doubles each time.
const PAUSE: Duration = Duration::from_millis(25);

/// The least time for connecting, however long the work waited in the queue.
const LEAST: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub(super) struct Lane {
    shared: Arc<Shared>,
    crew: Arc<Crew>,
}

struct Shared {
    manager: Manager,
    queue: Queue,
    connections: Connections,
    flights: Mutex<Vec<Arc<Flight>>>,
    bounds: Bounds,
    patience: Duration,
    vitals: Arc<Vitals>,
}

impl Lane {
    /// Creates the lane without opening a connection.
    pub(super) fn new(
        manager: Manager,
        settings: &DatabaseSettings,
        size: u32,
        crew: &Arc<Crew>,
        vitals: &Arc<Vitals>,
    ) -> Self {
        let limit = usize::try_from(settings.queue_limit).unwrap_or(usize::MAX);
        let patience = Duration::from_millis(settings.wait_ms);
        let shared = Arc::new(Shared {
            bounds: manager.bounds(),
            connections: Connections::new(manager.clone(), size, patience),
            manager,
            queue: Queue::new(size, limit, patience),
            flights: Mutex::default(),
            patience,
            vitals: Arc::clone(vitals),
        });
        crew.handle().spawn(watch(Arc::downgrade(&shared)));
        Self { shared, crew: Arc::clone(crew) }
    }

    /// Opens the pool's first connection. A connection outside the pool is opened before it, because the pool would
    /// retry and then report only a time-out instead of the cause. Blocks.
    pub(super) fn warm_up(&self) -> Result<(), DatabaseError> {
        self.shared.manager.open()?;
        self.shared.connections.open(Instant::now() + self.shared.patience).map(drop)
    }

    pub(super) fn manager(&self) -> &Manager {
        &self.shared.manager
    }

    /// Runs work on a connection that was opened for `way`.
    pub(super) async fn run<T, E, F>(&self, way: Way, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Pooled) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        // One limit for waiting in the queue and for connecting to a server that refuses connections.
        let deadline = Instant::now() + self.shared.patience;
        let ticket = self.shared.queue.enter().await?;
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(Piece::new(work, sender));
        let flight = Arc::new(Flight::new(way, job, ticket, deadline));
        self.shared.flights.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&flight));
        let shared = Arc::clone(&self.shared);
        self.crew.handle().spawn_blocking(move || shared.attempt(&flight, 0));
        receiver.await.unwrap_or_else(|_| Err(DatabaseError::Panicked.into()))
    }

    /// The number of unused connections.
    pub(super) fn idle(&self) -> u32 {
        self.shared.connections.idle()
    }

    /// The number of open connections, used or not.
    pub(super) fn open(&self) -> u32 {
        self.shared.manager.open_connections()
    }

    pub(super) fn waiting(&self) -> usize {
        self.shared.queue.waiting()
    }

    /// Waits until no work is in progress, for at most `patience`. Returns whether there is none.
    pub(super) async fn settled(&self, patience: Duration) -> bool {
        self.shared.queue.drained(patience).await
    }
}

enum Readiness {
    Ready(Box<PooledConnection<Manager>>),
    Failed(DatabaseError),
    /// A later attempt continues with the work.
    GivenUp,
}

impl Shared {
    /// The blocking part of [`Lane::run`].
    fn attempt(&self, flight: &Arc<Flight>, attempt: u32) {
        match self.ready(flight, attempt) {
            Readiness::Ready(pooled) => self.work(flight, attempt, *pooled),
            Readiness::Failed(error) if flight.enter(attempt, Stage::Over) => {
                self.land(flight);
                flight.job.fail(error);
            }
            Readiness::Failed(_) | Readiness::GivenUp => self.returned(flight),
        }
    }

    /// Returns a connection that has answered its first statement. A pooled connection that is closed is replaced by
    /// another. If it leads to a standby, all connections of its pool are replaced. Both are safe, because nothing of
    /// the work was done yet.
    fn ready(&self, flight: &Arc<Flight>, attempt: u32) -> Readiness {
        let mut pause = PAUSE;
        // A second attempt gets its own deadline, because the first attempt has used up the original one.
        let deadline = if attempt == 0 { flight.deadline } else { Instant::now() + self.patience };
        loop {
            let reused = self.connections.take();
            let is_reused = reused.is_some();
            let opened = match reused {
                Some(pooled) => Ok(pooled),
                None if !flight.enter(attempt, Stage::Connecting) => return Readiness::GivenUp,
                None => self.connections.open(deadline.max(Instant::now() + LEAST)),
            };
            let failed = match opened {
                Ok(mut pooled) => {
                    pooled.pulse.reset();
                    // Until the work starts, the connection does not return to the pool, whatever happens.
                    pooled.discard = true;
                    if !flight.open_on(attempt, &pooled.pulse) {
                        return Readiness::GivenUp;
                    }
                    let opened = self.manager.set_up(&mut pooled);
                    match opened.and_then(|()| transaction::open(&mut pooled, flight.way)) {
                        Ok(()) if flight.enter(attempt, Stage::Working) => {
                            pooled.discard = false;
                            self.vitals.answered();
                            return Readiness::Ready(Box::new(pooled));
                        }
                        Ok(()) => return Readiness::GivenUp,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if matches!(failed, DatabaseError::Standby) {
                self.connections.renew();
            }
            let is_worth_another = matches!(
                failed,
                DatabaseError::Unavailable(_) | DatabaseError::Standby | DatabaseError::Pooler
            );
            if is_reused && self.manager.is_remote() && is_worth_another {
                tracing::debug!(error = %failed, "database.connection_replaced");
                continue;
            }
            let may_pass = matches!(failed, DatabaseError::Unavailable(_));
            if !may_pass || Instant::now() + pause >= deadline {
                if may_pass {
                    tracing::warn!(error = %failed, "database.connection_failed");
                }
                return Readiness::Failed(failed);
            }
            std::thread::park_timeout(pause);
            pause *= 2;
        }
    }

    fn work(&self, flight: &Arc<Flight>, attempt: u32, mut pooled: PooledConnection<Manager>) {
        let worked = catch_unwind(AssertUnwindSafe(|| flight.job.work(&mut pooled)));
        if !flight.enter(attempt, Stage::Over) {
            pooled.discard = true;
            drop(pooled);
            self.returned(flight);
            return;
        }
        self.learn_from(&pooled);
        let is_whole = worked.is_ok();
        // After a panic the connection's transaction is still open.
        pooled.discard |= !is_whole;
        // The connection returns to the pool before the ticket is passed on, so that the next caller finds it.
        drop(pooled);
        self.land(flight);
        if is_whole {
            flight.job.deliver();
        } else {
            flight.job.fail(DatabaseError::Panicked);
        }
    }

    /// Shares what this work found out about the database with the other work.
    fn learn_from(&self, pooled: &Pooled) {
        match pooled.trouble {
            Some(Trouble::Full) => self.vitals.found_full(),
            Some(Trouble::Standby) => self.connections.renew(),
            Some(Trouble::Gone) => return,
            _ => {}
        }
        self.vitals.answered();
    }

    fn land(&self, flight: &Arc<Flight>) {
        flight.release();
        self.forget(flight);
    }

    fn forget(&self, flight: &Arc<Flight>) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|other| !Arc::ptr_eq(other, flight));
    }

    fn returned(&self, flight: &Arc<Flight>) {
        self.vitals.returned();
        flight.returned();
    }

    /// Gives up work that has waited too long.
    fn give_up_overdue(self: &Arc<Self>) {
        let flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for flight in flights {
            let Some(overdue) = flight.give_up(&self.bounds) else { continue };
            let has_place = self.vitals.abandon();
            tracing::warn!(?overdue, abandoned = self.vitals.abandoned(), "database.connection_abandoned");
            // The other connections were opened to the same server and probably do not answer either.
            self.connections.renew();
            match overdue {
                Overdue::Again(attempt) if has_place => {
                    let shared = Arc::clone(self);
                    Handle::current().spawn_blocking(move || shared.attempt(&flight, attempt));
                    continue;
                }
                _ if has_place => self.land(&flight),
                _ => {
                    flight.retain();
                    self.forget(&flight);
                }
            }
            flight.job.fail(DatabaseError::Unavailable("no answer in time".to_owned()));
        }
    }
}

async fn watch(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.give_up_overdue();
    }
}

//! A connection pool with a queue in front of it. A watch task checks how long each job waits for the database.
//!
//! There is no limit on a job as a whole, but on each wait in it: connecting (`connect_timeout_seconds` for
//! each host of the URL), the first response on a connection, and each statement of the work, commit included
//! (`statement_timeout_ms` or `lock_timeout_ms`, whichever is longer). Each limit has a margin in which the server
//! itself may report its own time-out. Work that makes progress is never interrupted. If a connection does not respond
//! for longer than that, it is given up: a new connection takes its place, the caller gets an error, and the waiting
//! thread is left alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::connections::{ConnectionManager, ManagedConnection, ReplaceablePool};
use super::error::FailureKind;
use super::job::{InFlightJob, Overdue, Stage, TimeLimits, TypedJob};
use super::queue::{DatabaseThreads, Entered, Queue};
use super::statistics::Statistics;
use super::transaction::{self, AccessMode};
use super::{DatabaseError, DatabaseSettings};

/// How often overdue work is looked for.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// The first pause before connecting is retried. It doubles each time.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(25);

/// The least time for connecting, however long the work waited in the queue.
const MIN_CONNECT_TIME: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub(super) struct ConnectionPool {
    shared: Arc<Shared>,
    threads: Arc<DatabaseThreads>,
}

struct Shared {
    manager: ConnectionManager,
    queue: Queue,
    connections: ReplaceablePool,
    in_flight: Mutex<Vec<Arc<InFlightJob>>>,
    time_limits: TimeLimits,
    wait_limit: Duration,
    statistics: Arc<Statistics>,
}

impl ConnectionPool {
    /// Creates the pool without opening a connection.
    pub(super) fn new(
        manager: ConnectionManager,
        settings: &DatabaseSettings,
        size: u32,
        threads: &Arc<DatabaseThreads>,
        statistics: &Arc<Statistics>,
    ) -> Self {
        let limit = usize::try_from(settings.queue_limit).unwrap_or(usize::MAX);
        let wait_limit = Duration::from_millis(settings.wait_ms);
        let shared = Arc::new(Shared {
            time_limits: manager.time_limits(),
            connections: ReplaceablePool::new(manager.clone(), size, wait_limit),
            manager,
            queue: Queue::new(size, limit),
            in_flight: Mutex::default(),
            wait_limit,
            statistics: Arc::clone(statistics),
        });
        threads.handle().spawn(watch(Arc::downgrade(&shared)));
        Self { shared, threads: Arc::clone(threads) }
    }

    /// Opens the pool's first connection. A connection outside the pool is opened before it, because the pool would
    /// retry and then report only a time-out instead of the cause. Blocks.
    pub(super) fn warm_up(&self) -> Result<(), DatabaseError> {
        self.shared.manager.open()?;
        self.shared.connections.open(Instant::now() + self.shared.wait_limit).map(drop)
    }

    pub(super) fn manager(&self) -> &ConnectionManager {
        &self.shared.manager
    }

    /// Runs work on a connection that was opened for `mode`.
    pub(super) async fn run<T, E, F>(&self, mode: AccessMode, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut ManagedConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        // One limit for waiting in the queue and for connecting to a server that refuses connections.
        let deadline = Instant::now() + self.shared.wait_limit;
        let (sender, mut receiver) = oneshot::channel();
        let job = Arc::new(InFlightJob::new(mode, Box::new(TypedJob::new(work, sender)), deadline));
        let place = QueuePlace { shared: &self.shared, job: &job };
        let result = match self.shared.queue.enter(&job)? {
            Entered::WithSlot => {
                self.shared.begin(&job);
                self.shared.start(Arc::clone(&job), 0, self.threads.handle());
                receiver.await
            }
            Entered::Waiting => match tokio::time::timeout_at(deadline, &mut receiver).await {
                Ok(result) => result,
                Err(_) if self.shared.queue.leave(&job) => return Err(DatabaseError::Overloaded.into()),
                // It has begun, and whatever it waits for now has a limit of its own.
                Err(_) => receiver.await,
            },
        };
        drop(place);
        result.unwrap_or_else(|_| Err(DatabaseError::Panicked.into()))
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

    /// Waits until no work is in progress, for at most `wait_limit`. Returns whether there is none.
    pub(super) async fn wait_until_idle(&self, wait_limit: Duration) -> bool {
        self.shared.queue.wait_until_idle(wait_limit).await
    }
}

/// The place of a caller in the queue. If the caller goes away while its work waits, the work leaves the queue.
struct QueuePlace<'a> {
    shared: &'a Shared,
    job: &'a Arc<InFlightJob>,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        if !self.job.has_begun() {
            self.shared.queue.leave(self.job);
        }
    }
}

enum Acquired {
    Ready(Box<r2d2::PooledConnection<ConnectionManager>>),
    Failed(DatabaseError),
    /// A later attempt continues with the work.
    GivenUp,
}

impl Shared {
    /// Puts work that has got a slot under the watch.
    fn begin(&self, job: &Arc<InFlightJob>) {
        job.begin();
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(job));
    }

    /// Starts an attempt on a thread, and on the same thread the work that then gets its slot, and so on.
    fn start(self: &Arc<Self>, job: Arc<InFlightJob>, attempt: u32, threads: &Handle) {
        let shared = Arc::clone(self);
        threads.spawn_blocking(move || {
            let mut next = shared.attempt(&job, attempt);
            while let Some(job) = next {
                next = shared.attempt(&job, 0);
            }
        });
    }

    /// The blocking part of [`ConnectionPool::run`]. Returns the work that gets the slot.
    fn attempt(&self, job: &Arc<InFlightJob>, attempt: u32) -> Option<Arc<InFlightJob>> {
        match self.acquire(job, attempt) {
            Acquired::Ready(pooled) => self.work(job, attempt, *pooled),
            Acquired::Failed(error) if job.advance(attempt, Stage::Done) => {
                let next = self.finish(job);
                job.work.fail(error);
                next
            }
            Acquired::Failed(_) | Acquired::GivenUp => self.record_return(job),
        }
    }

    /// Returns a connection that has answered its first statement. A pooled connection that is closed is replaced by
    /// another. If it leads to a standby, all connections of its pool are replaced. Both are safe, because nothing of
    /// the work was done yet.
    fn acquire(&self, job: &Arc<InFlightJob>, attempt: u32) -> Acquired {
        let mut pause = FIRST_RETRY_PAUSE;
        // A second attempt gets its own deadline, because the first attempt has used up the original one.
        let deadline = if attempt == 0 { job.deadline } else { Instant::now() + self.wait_limit };
        loop {
            let reused = self.connections.take();
            let is_reused = reused.is_some();
            let opened = match reused {
                Some(pooled) => Ok(pooled),
                None if !job.advance(attempt, Stage::Connecting) => return Acquired::GivenUp,
                None => self.connections.open(deadline.max(Instant::now() + MIN_CONNECT_TIME)),
            };
            let failed = match opened {
                Ok(mut pooled) => {
                    pooled.activity.reset();
                    // Until the work starts, the connection does not return to the pool, whatever happens.
                    pooled.discard = true;
                    if !job.start_opening(attempt, &pooled.activity) {
                        return Acquired::GivenUp;
                    }
                    let opened = self.manager.set_up(&mut pooled);
                    match opened.and_then(|()| transaction::prepare(&mut pooled, job.mode)) {
                        Ok(()) if job.advance(attempt, Stage::Working) => {
                            pooled.discard = false;
                            self.statistics.record_response();
                            return Acquired::Ready(Box::new(pooled));
                        }
                        Ok(()) => return Acquired::GivenUp,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if matches!(failed, DatabaseError::Standby) {
                self.connections.replace_all();
            }
            let is_worth_another = matches!(
                failed,
                DatabaseError::Unavailable(_) | DatabaseError::Standby | DatabaseError::Pooler
            );
            if is_reused && self.manager.is_remote() && is_worth_another {
                tracing::debug!(error = %failed, "database.connection_replaced");
                continue;
            }
            let is_transient = matches!(failed, DatabaseError::Unavailable(_));
            if !is_transient || Instant::now() + pause >= deadline {
                if is_transient {
                    tracing::warn!(error = %failed, "database.connection_failed");
                }
                return Acquired::Failed(failed);
            }
            std::thread::park_timeout(pause);
            pause *= 2;
        }
    }

    fn work(
        &self,
        job: &Arc<InFlightJob>,
        attempt: u32,
        mut pooled: r2d2::PooledConnection<ConnectionManager>,
    ) -> Option<Arc<InFlightJob>> {
        let result = catch_unwind(AssertUnwindSafe(|| job.work.run(&mut pooled)));
        if !job.advance(attempt, Stage::Done) {
            pooled.discard = true;
            drop(pooled);
            return self.record_return(job);
        }
        self.record_outcome(&pooled);
        let has_completed = result.is_ok();
        // After a panic the connection's transaction is still open.
        pooled.discard |= !has_completed;
        // The connection returns to the pool before the slot is passed on, so that the next work finds it.
        drop(pooled);
        let next = self.finish(job);
        if has_completed {
            job.work.deliver();
        } else {
            job.work.fail(DatabaseError::Panicked);
        }
        next
    }

    /// Shares what this work found out about the database with the other work.
    fn record_outcome(&self, pooled: &ManagedConnection) {
        match pooled.failure {
            Some(FailureKind::DiskFull) => self.statistics.record_disk_full(),
            Some(FailureKind::Standby) => self.connections.replace_all(),
            Some(FailureKind::ConnectionClosed) => return,
            _ => {}
        }
        self.statistics.record_response();
    }

    /// Ends the watch over this work, and passes on its slot. Returns the work that gets it.
    fn finish(&self, job: &Arc<InFlightJob>) -> Option<Arc<InFlightJob>> {
        self.remove(job);
        self.pass_on(job)
    }

    fn remove(&self, job: &Arc<InFlightJob>) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.retain(|other| !Arc::ptr_eq(other, job));
    }

    fn pass_on(&self, job: &InFlightJob) -> Option<Arc<InFlightJob>> {
        let next = if job.take_slot() { self.queue.give_back() } else { None };
        next.inspect(|next| self.begin(next))
    }

    /// Called when an attempt that was given up has returned.
    fn record_return(&self, job: &InFlightJob) -> Option<Arc<InFlightJob>> {
        self.statistics.record_return();
        if job.is_retained() { self.pass_on(job) } else { None }
    }

    /// Gives up work that has waited too long.
    fn give_up_overdue(self: &Arc<Self>) {
        let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for job in in_flight {
            let Some(overdue) = job.give_up(&self.time_limits) else { continue };
            let may_replace = self.statistics.record_abandoned();
            tracing::warn!(
                ?overdue,
                abandoned = self.statistics.abandoned(),
                "database.connection_abandoned"
            );
            // The other connections were opened to the same server and probably do not answer either.
            self.connections.replace_all();
            match overdue {
                Overdue::Retry(attempt) if may_replace => {
                    self.start(job, attempt, &Handle::current());
                    continue;
                }
                _ if may_replace => {
                    if let Some(next) = self.finish(&job) {
                        self.start(next, 0, &Handle::current());
                    }
                }
                _ => {
                    job.retain();
                    self.remove(&job);
                }
            }
            job.work.fail(DatabaseError::Unavailable("no response in time".to_owned()));
        }
    }
}

async fn watch(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.give_up_overdue();
    }
}

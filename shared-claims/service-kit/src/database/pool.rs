//! The database as the services hold it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::Span;

use super::manager::{self, Manager, Pooled, Role, Target, prepare_sqlite};
use super::queue::Queue;
use super::transaction::{self, SNAPSHOT, WRITE};
use super::{Backend, DatabaseError, DatabaseSettings, DbConnection};

/// A pool of connections and the queue before it.
#[derive(Clone)]
struct Lane {
    pool: r2d2::Pool<Manager>,
    queue: Queue,
}

/// A database: cheap to clone, shared by everything that asks it.
#[derive(Clone)]
pub struct Database {
    pub(super) target: Target,
    pub(super) settings: Arc<DatabaseSettings>,
    readers: Lane,
    /// The readers again on PostgreSQL; on SQLite the one connection that writes, so that writers take turns in order
    /// and never meet `SQLITE_BUSY` from within the process.
    writers: Lane,
}

/// How busy the pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections that are open.
    pub connections: u32,
    /// Open connections that nobody uses.
    pub idle: u32,
    /// Pieces of work that wait for a connection.
    pub waiting: usize,
}

impl Database {
    /// Opens the pool and its first connection, so that a wrong URL or password stops the start.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let settings = settings.clone();
        let opened = tokio::task::spawn_blocking(move || Self::open(settings)).await;
        opened.unwrap_or(Err(DatabaseError::Panicked))
    }

    fn open(settings: DatabaseSettings) -> Result<Self, DatabaseError> {
        let target = Target::parse(&settings)?;
        if let Target::Sqlite(path) = &target {
            prepare_sqlite(path)?;
        }
        let settings = Arc::new(settings);
        let lane = |role, size| Lane::open(&target, &settings, role, size);
        let (readers, writers) = match target.backend() {
            Backend::Postgres => {
                let lane = lane(Role::Writer, settings.pool_size)?;
                (lane.clone(), lane)
            }
            // The writer first: it makes the file a WAL one.
            Backend::Sqlite => {
                let writers = lane(Role::Writer, 1)?;
                (lane(Role::Reader, settings.pool_size)?, writers)
            }
        };
        Ok(Self { target, settings, readers, writers })
    }

    /// The back end that the URL chose.
    pub fn backend(&self) -> Backend {
        self.target.backend()
    }

    /// Runs work on any connection, each statement for itself. It must not write: SQLite refuses it here.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.readers.run(manager::answers, |pooled| work(&mut pooled.connection)).await
    }

    /// Runs work in a transaction that may write: READ COMMITTED on PostgreSQL, where the work locks the rows it
    /// decides on; under the write lock on SQLite. An `Err` of the work rolls back.
    ///
    /// A transaction that lost a deadlock or a serialization failure was rolled back, and is repeated once: so the
    /// work may run twice. Whatever it does beside the database must bear that; best it does nothing else. Work that
    /// cannot be repeated uses [`write_once`](Self::write_once).
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.write_once(move |connection| work(connection)).await
    }

    /// Like [`write`](Self::write) for work that must not run twice: a transaction that lost a deadlock is an error.
    pub async fn write_once<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.writers
            .run(|pooled| transaction::begin(pooled, WRITE), |pooled| transaction::finish(pooled, work))
            .await
    }

    /// Runs work on one moment of the primary, begun after this call: REPEATABLE READ, read-only. Fails on a standby,
    /// which may lag behind.
    pub async fn snapshot<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.readers
            .run(
                |pooled| {
                    transaction::require_primary(pooled)?;
                    transaction::begin(pooled, SNAPSHOT)
                },
                |pooled| transaction::finish(pooled, work),
            )
            .await
    }

    /// Asks for a connection and a round trip: the check behind `/readyz`.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        use diesel::connection::SimpleConnection;
        self.read(|connection| Ok(connection.batch_execute("SELECT 1")?)).await
    }

    /// How busy the pool is, for metrics.
    pub fn status(&self) -> PoolStatus {
        let status = self.readers.status();
        match self.backend() {
            Backend::Postgres => status,
            Backend::Sqlite => {
                let writer = self.writers.status();
                PoolStatus {
                    connections: status.connections + writer.connections,
                    idle: status.idle + writer.idle,
                    waiting: status.waiting + writer.waiting,
                }
            }
        }
    }
}

impl Lane {
    fn open(
        target: &Target,
        settings: &Arc<DatabaseSettings>,
        role: Role,
        size: u32,
    ) -> Result<Self, DatabaseError> {
        let manager = Manager { target: target.clone(), settings: settings.as_ref().clone(), role };
        // Tried once outside the pool, which would retry in the dark and then say only that it timed out.
        drop(manager.open()?);
        let patience = Duration::from_millis(settings.wait_ms);
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(patience)
            .test_on_check_out(false)
            .error_handler(Box::new(LogErrors))
            .build(manager)?;
        let limit = usize::try_from(settings.queue_limit).unwrap_or(usize::MAX);
        let tickets = usize::try_from(size).unwrap_or(1);
        Ok(Self { pool, queue: Queue::new(tickets, limit, patience) })
    }

    /// `open` is the first that is asked of the connection, and shows whether it still leads anywhere.
    async fn run<T, E, F>(
        &self,
        open: impl Fn(&mut Pooled) -> Result<(), DatabaseError> + Send + 'static,
        work: F,
    ) -> Result<T, E>
    where
        F: FnOnce(&mut Pooled) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let ticket = self.queue.enter().await?;
        let pool = self.pool.clone();
        let span = Span::current();
        let done =
            tokio::task::spawn_blocking(move || span.in_scope(|| on_connection(&pool, ticket, open, work)));
        match done.await {
            Ok(result) => result,
            Err(_) => Err(DatabaseError::Panicked.into()),
        }
    }

    fn status(&self) -> PoolStatus {
        let state = self.pool.state();
        PoolStatus {
            connections: state.connections,
            idle: state.idle_connections,
            waiting: self.queue.waiting(),
        }
    }
}

/// The blocking half. The ticket is handed on after the connection went back.
fn on_connection<T, E: From<DatabaseError>>(
    pool: &r2d2::Pool<Manager>,
    ticket: OwnedSemaphorePermit,
    open: impl Fn(&mut Pooled) -> Result<(), DatabaseError>,
    work: impl FnOnce(&mut Pooled) -> Result<T, E>,
) -> Result<T, E> {
    let mut pooled = opened(pool, open)?;
    let result = work(&mut pooled);
    drop(pooled);
    drop(ticket);
    result
}

/// A connection on which `open` succeeded. One that died in the pool is replaced: nothing was done on it yet. All of
/// them may have died at once; the one after these is new.
fn opened(
    pool: &r2d2::Pool<Manager>,
    open: impl Fn(&mut Pooled) -> Result<(), DatabaseError>,
) -> Result<r2d2::PooledConnection<Manager>, DatabaseError> {
    let mut left = pool.max_size();
    loop {
        let mut pooled = pool.get()?;
        match open(&mut pooled) {
            Ok(()) => return Ok(pooled),
            Err(DatabaseError::Unavailable(why)) if left > 0 && pooled.is_remote() => {
                tracing::debug!(why, "database.connection_replaced");
                pooled.discard = true;
                left -= 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Failed attempts of the pool's own threads, which nobody waits for.
#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<DatabaseError> for LogErrors {
    fn handle_error(&self, error: DatabaseError) {
        tracing::warn!(%error, "database.connection_failed");
    }
}

//! One code path for PostgreSQL and SQLite. The URL's scheme selects the database.
//!
//! Work is a closure on a [`DbConnection`]. It runs on the database's own threads, behind a queue with a limit on
//! length and waiting time, and within the caller's tracing span. A closure that has started runs to its end even if
//! its request is cancelled, unless the database does not respond for too long.

mod backup;
mod connect;
mod connections;
mod error;
mod file_lock;
mod job;
mod migrate;
mod pool;
mod queue;
mod restore;
mod settings;
mod sqlite_copy;
mod sqlite_files;
mod start_wait;
mod statistics;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod url;

use std::sync::Arc;
use std::time::Duration;

use self::connect::Target;
use self::connections::{ConnectionManager, Role};
use self::error::FailureKind;
use self::file_lock::FileLock;
use self::pool::ConnectionPool;
use self::queue::DatabaseThreads;
use self::statistics::{MAX_ABANDONED, Statistics};
use self::transaction::AccessMode;

pub use backup::back_up;
pub use connect::{Backend, DbConnection};
pub use error::DatabaseError;
pub use migrate::Migrations;
pub use restore::{StagedRestore, stage_restore};
pub use settings::{DatabaseSettings, Pooler};
pub use start_wait::{StartStepError, StartWait};

/// The pause before a transaction is repeated after a deadlock.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

/// A database. Cheap to clone, and shared by all of its users.
#[derive(Clone)]
pub struct Database {
    target: Target,
    settings: Arc<DatabaseSettings>,
    threads: Arc<DatabaseThreads>,
    statistics: Arc<Statistics>,
    readers: ConnectionPool,
    /// On PostgreSQL the same pool as `readers`. On SQLite a pool with the only connection that writes, so that writers
    /// run one after the other and never get `SQLITE_BUSY` because of each other.
    writers: ConnectionPool,
    /// On SQLite, held so that no restore replaces the file.
    _lock: Option<Arc<FileLock>>,
}

/// The load of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub connections: u32,
    /// Open connections that are not used.
    pub idle: u32,
    /// Pieces of work that wait for a connection.
    pub waiting: usize,
    /// Calls that were given up and have not returned. Each occupies a thread, and most a connection.
    pub abandoned: u32,
    /// Calls that were given up since the start.
    pub abandoned_total: u64,
    /// Transactions that were repeated since the start, after a deadlock or a serialization failure.
    pub repeated_total: u64,
}

impl Database {
    /// Opens the pool and its first connection, so that a wrong URL or password stops the start.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let target = Target::parse(settings)?;
        let threads = usize::try_from(MAX_ABANDONED + 1024).unwrap_or(512);
        let threads = Arc::new(DatabaseThreads::start(threads)?);
        let settings = Arc::new(settings.clone());
        let statistics = Arc::new(Statistics::new());
        let pool = |role, size| {
            let manager = ConnectionManager::new(target.clone(), Arc::clone(&settings), role);
            ConnectionPool::new(manager, &settings, size, &threads, &statistics)
        };
        let writers = match target.backend() {
            Backend::Postgres => pool(Role::Writer, settings.pool_size),
            Backend::Sqlite => pool(Role::Writer, 1),
        };
        let readers = match target.backend() {
            Backend::Postgres => writers.clone(),
            Backend::Sqlite => pool(Role::Reader, settings.pool_size),
        };
        let database = Self { target, settings, threads, statistics, readers, writers, _lock: None };
        let opening = database.clone();
        // Opening the pools makes up to three connections, one after the other.
        let bound = database.writers.manager().time_limits().connect * 3;
        let lock = database.blocking(bound, move || opening.open()).await?;
        Ok(Self { _lock: lock.map(Arc::new), ..database })
    }

    fn open(&self) -> Result<Option<FileLock>, DatabaseError> {
        let lock = match &self.target {
            Target::Sqlite(path) => Some(sqlite_files::prepare(path)?),
            Target::Postgres(_) => None,
        };
        // The writer comes first, because it switches the SQLite file to WAL mode.
        self.writers.warm_up()?;
        if self.backend() == Backend::Sqlite {
            self.readers.warm_up()?;
        }
        if self.writers.manager().is_behind_transaction_pooler()? {
            return Err(DatabaseError::Pooler);
        }
        Ok(lock)
    }

    /// Runs a blocking call on one of the database's threads. A call that takes longer than `bound` is left alone.
    async fn blocking<T: Send + 'static>(
        &self,
        bound: Duration,
        work: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        match tokio::time::timeout(bound, self.threads.handle().spawn_blocking(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(DatabaseError::Panicked),
            Err(_) => Err(DatabaseError::Unavailable(format!("no response within {} s", bound.as_secs()))),
        }
    }

    /// The same database with a separate set of connections and its own queue, for work that must neither wait behind
    /// other work nor delay it. Only reads use them; writes use the connections of the original.
    pub async fn with_separate_readers(&self, connections: u32) -> Result<Self, DatabaseError> {
        let manager = ConnectionManager::new(self.target.clone(), Arc::clone(&self.settings), Role::Reader);
        let bound = manager.time_limits().connect;
        let readers =
            ConnectionPool::new(manager, &self.settings, connections, &self.threads, &self.statistics);
        let opening = readers.clone();
        self.blocking(bound, move || opening.warm_up()).await?;
        Ok(Self { readers, ..self.clone() })
    }

    /// Waits until no work is in progress, for at most `wait_limit`. Returns whether there is none. Calls that were
    /// given up are not waited for; their threads end with the process.
    pub async fn wait_until_idle(&self, wait_limit: Duration) -> bool {
        let (readers, writers) =
            tokio::join!(self.readers.wait_until_idle(wait_limit), self.writers.wait_until_idle(wait_limit));
        readers && writers
    }

    /// The database that the URL selected.
    pub fn backend(&self) -> Backend {
        self.target.backend()
    }

    /// Runs work on any connection, each statement in its own transaction. It must not write: SQLite refuses a write
    /// here.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.readers.run(AccessMode::Read, |pooled| transaction::run(pooled, AccessMode::Read, work)).await
    }

    /// Runs work in a transaction that may write. On PostgreSQL the isolation level is READ COMMITTED, and the work has
    /// to lock the rows on which it decides; on SQLite the transaction holds the write lock. An `Err` of the work rolls
    /// back.
    ///
    /// A transaction that was rolled back because of a deadlock or a serialization failure is repeated once. The work
    /// may therefore run twice, so it should have no effects outside the database. Work that cannot be repeated uses
    /// [`write_once`](Self::write_once).
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let statistics = Arc::clone(&self.statistics);
        let twice = move |pooled: &mut _| {
            let first = transaction::run(pooled, AccessMode::Write, &work);
            if first.is_ok() || pooled.failure != Some(FailureKind::Conflict) {
                return first;
            }
            // Gives the other transaction time to take its locks: until it wakes up, any transaction may take them.
            std::thread::park_timeout(REPEAT_AFTER);
            statistics.record_repeat();
            tracing::debug!("database.transaction_repeated");
            transaction::prepare(pooled, AccessMode::Write)?;
            transaction::run(pooled, AccessMode::Write, &work)
        };
        self.writers.run(AccessMode::Write, twice).await
    }

    /// Like [`write`](Self::write), for work that must not run twice. A deadlock is then an error.
    pub async fn write_once<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.writers.run(AccessMode::Write, |pooled| transaction::run(pooled, AccessMode::Write, work)).await
    }

    /// Runs read-only work on a snapshot of the primary that is taken after this call (REPEATABLE READ). Fails on a
    /// standby, which may lag behind.
    pub async fn snapshot<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.readers
            .run(AccessMode::Snapshot, |pooled| transaction::run(pooled, AccessMode::Snapshot, work))
            .await
    }

    /// The check for `/readyz`. Begins a write transaction, because that is what requests need. (On SQLite it only
    /// reads: a write would wait for other writers.) It fails on a standby, and for some seconds after the disk was
    /// full. A database that is only busy gives [`DatabaseError::Overloaded`], unless no work has got through for some
    /// seconds.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let asked = match self.backend() {
            Backend::Postgres => self.write_once(|_| Ok(())).await,
            Backend::Sqlite => {
                use diesel::connection::SimpleConnection;
                self.read(|connection| Ok(connection.batch_execute("SELECT 1")?)).await
            }
        };
        match asked {
            Err(DatabaseError::Overloaded) if self.statistics.is_unresponsive() => {
                Err(DatabaseError::Unavailable("no work has got through for some seconds".to_owned()))
            }
            Ok(()) if self.statistics.is_disk_full() => {
                Err(DatabaseError::DiskFull("a moment ago".to_owned()))
            }
            asked => asked,
        }
    }

    /// The load of the pool, for metrics.
    pub fn status(&self) -> PoolStatus {
        let (mut open, mut idle) = (self.readers.open(), self.readers.idle());
        let mut waiting = self.readers.waiting();
        if self.backend() == Backend::Sqlite {
            open += self.writers.open();
            idle += self.writers.idle();
            waiting += self.writers.waiting();
        }
        let abandoned = self.statistics.abandoned();
        PoolStatus {
            connections: open.saturating_sub(abandoned).max(idle),
            idle,
            waiting,
            abandoned,
            abandoned_total: self.statistics.abandoned_total(),
            repeated_total: self.statistics.repeated_total(),
        }
    }
}

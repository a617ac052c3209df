//! The database handle that the services use.

use std::sync::Arc;
use std::time::Duration;

use super::crew::Crew;
use super::error::Trouble;
use super::lane::Lane;
use super::manager::{Target, prepare_sqlite};
use super::pooled::{Manager, Role};
use super::transaction::{self, Way};
use super::vitals::{MAX_ABANDONED, Vitals};
use super::{Backend, DatabaseError, DatabaseSettings, DbConnection};

/// The pause before a transaction is repeated after a deadlock.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

/// A database. Cheap to clone, and shared by all of its users.
#[derive(Clone)]
pub struct Database {
    pub(super) target: Target,
    pub(super) settings: Arc<DatabaseSettings>,
    pub(super) crew: Arc<Crew>,
    vitals: Arc<Vitals>,
    readers: Lane,
    /// On PostgreSQL the same lane as `readers`. On SQLite a lane with the only connection that writes, so that writers
    /// run one after the other and never get `SQLITE_BUSY` because of each other.
    writers: Lane,
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
        let crew = Arc::new(Crew::start(threads)?);
        let settings = Arc::new(settings.clone());
        let vitals = Arc::new(Vitals::new());
        let lane = |role, size| {
            let manager = Manager::new(target.clone(), Arc::clone(&settings), role);
            Lane::new(manager, &settings, size, &crew, &vitals)
        };
        let writers = match target.backend() {
            Backend::Postgres => lane(Role::Writer, settings.pool_size),
            Backend::Sqlite => lane(Role::Writer, 1),
        };
        let readers = match target.backend() {
            Backend::Postgres => writers.clone(),
            Backend::Sqlite => lane(Role::Reader, settings.pool_size),
        };
        let database = Self { target, settings, crew, vitals, readers, writers };
        let opening = database.clone();
        // Opening the pools makes up to three connections, one after the other.
        let bound = database.writers.manager().bounds().connect * 3;
        database.blocking(bound, move || opening.open()).await?;
        Ok(database)
    }

    fn open(&self) -> Result<(), DatabaseError> {
        if let Target::Sqlite(path) = &self.target {
            prepare_sqlite(path)?;
        }
        // The writer comes first, because it switches the SQLite file to WAL mode.
        self.writers.warm_up()?;
        if self.backend() == Backend::Sqlite {
            self.readers.warm_up()?;
        }
        if self.writers.manager().is_pooled_by_transaction()? {
            return Err(DatabaseError::Pooler);
        }
        Ok(())
    }

    /// Runs a blocking call on one of the database's threads. A call that takes longer than `bound` is left alone.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        bound: Duration,
        work: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        match tokio::time::timeout(bound, self.crew.handle().spawn_blocking(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(DatabaseError::Panicked),
            Err(_) => Err(DatabaseError::Unavailable(format!("no answer within {} s", bound.as_secs()))),
        }
    }

    /// The same database with a separate set of connections and its own queue, for work that must neither wait behind
    /// other work nor delay it. Only reads use them; writes use the connections of the original.
    pub async fn reading_apart(&self, connections: u32) -> Result<Self, DatabaseError> {
        let manager = Manager::new(self.target.clone(), Arc::clone(&self.settings), Role::Reader);
        let bound = manager.bounds().connect;
        let readers = Lane::new(manager, &self.settings, connections, &self.crew, &self.vitals);
        let opening = readers.clone();
        self.blocking(bound, move || opening.warm_up()).await?;
        Ok(Self { readers, ..self.clone() })
    }

    /// Waits until no work is in progress, for at most `patience`. Returns whether there is none. Calls that were given
    /// up are not waited for; their threads end with the process.
    pub async fn settled(&self, patience: Duration) -> bool {
        let (readers, writers) = tokio::join!(self.readers.settled(patience), self.writers.settled(patience));
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
        self.readers.run(Way::Read, |pooled| transaction::finish(pooled, Way::Read, work)).await
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
        let vitals = Arc::clone(&self.vitals);
        let twice = move |pooled: &mut _| {
            let first = transaction::finish(pooled, Way::Write, &work);
            if first.is_ok() || pooled.trouble != Some(Trouble::Lost) {
                return first;
            }
            // Gives the other transaction time to take its locks: until it wakes up, any transaction may take them.
            std::thread::park_timeout(REPEAT_AFTER);
            vitals.repeat();
            tracing::debug!("database.transaction_repeated");
            transaction::open(pooled, Way::Write)?;
            transaction::finish(pooled, Way::Write, &work)
        };
        self.writers.run(Way::Write, twice).await
    }

    /// Like [`write`](Self::write), for work that must not run twice. A deadlock is then an error.
    pub async fn write_once<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.writers.run(Way::Write, |pooled| transaction::finish(pooled, Way::Write, work)).await
    }

    /// Runs read-only work on a snapshot of the primary that is taken after this call (REPEATABLE READ). Fails on a
    /// standby, which may lag behind.
    pub async fn snapshot<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.readers.run(Way::Snapshot, |pooled| transaction::finish(pooled, Way::Snapshot, work)).await
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
            Err(DatabaseError::Overloaded) if self.vitals.is_silent() => {
                Err(DatabaseError::Unavailable("it lets nobody through".to_owned()))
            }
            Ok(()) if self.vitals.is_full() => Err(DatabaseError::Full("a moment ago".to_owned())),
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
        let abandoned = self.vitals.abandoned();
        PoolStatus {
            connections: open.saturating_sub(abandoned).max(idle),
            idle,
            waiting,
            abandoned,
            abandoned_total: self.vitals.abandoned_total(),
            repeated_total: self.vitals.repeated_total(),
        }
    }
}

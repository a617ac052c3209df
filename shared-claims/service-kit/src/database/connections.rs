//! The connections: how one is set up and used, how the pool opens it, and how the whole pool is replaced when its
//! connections no longer lead to the right server.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection, TransactionManager};
use diesel::sql_types::{Integer, Text};
use diesel::{PgConnection, RunQueryDsl};
use r2d2::{NopErrorHandler, Pool};
use tokio::time::Instant;

use super::connect::{Target, connect_postgres, open_sqlite, set_up_postgres, transaction_settings};
use super::error::FailureKind;
use super::job::{ConnectionActivity, TimeLimits};
use super::{Backend, DatabaseError, DatabaseSettings, DbConnection, Pooler};

/// The time that the server has after its own time-out to report it.
const SERVER_TIMEOUT_MARGIN: Duration = Duration::from_secs(2);

/// The time limit of the first response on a connection, whose statement does no work.
const FIRST_RESPONSE_LIMIT: Duration = Duration::from_secs(2);

/// What a connection is used for. The difference matters for SQLite only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

pub(super) struct ManagedConnection {
    pub(super) connection: DbConnection,
    pub(super) activity: Arc<ConnectionActivity>,
    /// Set when the connection must not be used again; the pool then opens another one.
    pub(super) discard: bool,
    /// Why the last work failed, if the database was the reason.
    pub(super) failure: Option<FailureKind>,
    /// Whether the server's error messages are in English.
    pub(super) has_english_messages: bool,
    /// The statements that follow `BEGIN`; empty where the session keeps its settings.
    pub(super) transaction_settings: Arc<str>,
    /// Whether the session parameters were set.
    is_set_up: bool,
    _open_count: OpenCount,
}

impl ManagedConnection {
    /// Whether reads need a transaction too.
    pub(super) fn reads_in_transaction(&self) -> bool {
        !self.transaction_settings.is_empty()
    }

    /// Whether the connection must not be used again.
    pub(super) fn is_unusable(&mut self) -> bool {
        type DieselTransactions = <DbConnection as Connection>::TransactionManager;
        let is_wrong = matches!(
            self.failure,
            Some(FailureKind::ConnectionClosed | FailureKind::Standby | FailureKind::Pooler)
        );
        self.discard || is_wrong || DieselTransactions::is_broken_transaction_manager(&mut self.connection)
    }
}

/// An open connection, counted until it is closed.
struct OpenCount(Arc<AtomicU32>);

impl OpenCount {
    fn new(open: &Arc<AtomicU32>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens connections.
#[derive(Clone)]
pub(super) struct ConnectionManager {
    target: Target,
    settings: Arc<DatabaseSettings>,
    role: Role,
    transaction_settings: Arc<str>,
    open: Arc<AtomicU32>,
    has_logged_language: Arc<AtomicBool>,
}

impl ConnectionManager {
    pub(super) fn new(target: Target, settings: Arc<DatabaseSettings>, role: Role) -> Self {
        let transaction_settings = match target.backend() {
            Backend::Postgres => transaction_settings(&settings).into(),
            Backend::Sqlite => "".into(),
        };
        let (open, has_logged_language) = (Arc::default(), Arc::default());
        Self { target, settings, role, transaction_settings, open, has_logged_language }
    }

    /// Opens a connection outside the pool and sets it up. Blocks for as long as [`time_limits`](Self::time_limits)
    /// allows, or longer if the server hangs.
    pub(super) fn open(&self) -> Result<ManagedConnection, DatabaseError> {
        let mut pooled = r2d2::ManageConnection::connect(self)?;
        self.set_up(&mut pooled)?;
        Ok(pooled)
    }

    /// Sets up a new connection before its first use. Does nothing the second time.
    pub(super) fn set_up(&self, pooled: &mut ManagedConnection) -> Result<(), DatabaseError> {
        if pooled.is_set_up {
            return Ok(());
        }
        if let DbConnection::Postgres(connection) = &mut pooled.connection {
            set_up_postgres(connection, &self.settings)?;
            pooled.has_english_messages = self.set_english_messages(connection)?;
        }
        pooled.is_set_up = true;
        Ok(())
    }

    /// Whether the server's error messages are in English. If not, sets the language for this session. Only a superuser
    /// may do that, or a role with `GRANT SET ON PARAMETER lc_messages`.
    fn set_english_messages(&self, connection: &mut PgConnection) -> Result<bool, DatabaseError> {
        #[derive(diesel::QueryableByName)]
        struct Language {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let language: Language =
            diesel::sql_query("SELECT current_setting('lc_messages') AS name").get_result(connection)?;
        let name = language.name.to_ascii_lowercase();
        if ["c", "posix"].contains(&name.as_str()) || name.starts_with("c.") || name.starts_with("en") {
            return Ok(true);
        }
        let may_set = self.settings.pooler == Pooler::None;
        if may_set && connection.batch_execute("SET lc_messages = 'C'").is_ok() {
            return Ok(true);
        }
        if !self.has_logged_language.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                language = language.name,
                "the error messages of PostgreSQL are not in English, so not every temporary error can be recognised: \
                 have a superuser run ALTER ROLE … SET lc_messages = 'C' for the role of database.url"
            );
        }
        Ok(false)
    }

    /// Whether there is a pooler in transaction mode: two connections then share a server process. Best effort: it is
    /// not detected while other clients keep the pooler busy.
    pub(super) fn is_behind_transaction_pooler(&self) -> Result<bool, DatabaseError> {
        #[derive(diesel::QueryableByName)]
        struct Process {
            #[diesel(sql_type = Integer)]
            id: i32,
        }
        let (Target::Postgres(info), Pooler::None) = (&self.target, self.settings.pooler) else {
            return Ok(false);
        };
        let process = |connection: &mut PgConnection| -> Result<i32, DatabaseError> {
            let process: Process =
                diesel::sql_query("SELECT pg_backend_pid() AS id").get_result(connection)?;
            Ok(process.id)
        };
        let (mut first, mut second) = (connect_postgres(info)?, connect_postgres(info)?);
        for _ in 0..3 {
            if process(&mut first)? == process(&mut second)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The time limit of each wait for the database.
    pub(super) fn time_limits(&self) -> TimeLimits {
        let settings = &self.settings;
        let lock = Duration::from_millis(settings.lock_timeout_ms.into());
        let statement =
            Duration::from_millis(settings.statement_timeout_ms.into()).max(lock) + SERVER_TIMEOUT_MARGIN;
        let connect = self.target.connect_limit(settings);
        let opening = match (self.target.backend(), settings.pooler) {
            (Backend::Postgres, Pooler::None) => FIRST_RESPONSE_LIMIT,
            // Behind a pooler, the first statement may have to wait for a server process.
            (Backend::Postgres, Pooler::Transaction) => statement,
            // A write transaction waits for the file's lock.
            (Backend::Sqlite, _) => lock + SERVER_TIMEOUT_MARGIN,
        };
        TimeLimits { connect: connect + SERVER_TIMEOUT_MARGIN, opening, statement }
    }

    /// Whether connections lead to a server, which may become unreachable.
    pub(super) fn is_remote(&self) -> bool {
        self.target.backend() == Backend::Postgres
    }

    pub(super) fn lock_timeout_ms(&self) -> u32 {
        self.settings.lock_timeout_ms
    }

    pub(super) fn open_connections(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

impl r2d2::ManageConnection for ConnectionManager {
    type Connection = ManagedConnection;
    type Error = DatabaseError;

    /// Connects without sending a statement, so that the watch over the waiting work covers the first response.
    fn connect(&self) -> Result<ManagedConnection, DatabaseError> {
        let mut connection = match &self.target {
            Target::Postgres(info) => DbConnection::Postgres(connect_postgres(info)?),
            Target::Sqlite(path) => DbConnection::Sqlite(open_sqlite(path, &self.settings, self.role)?),
        };
        let activity = Arc::new(ConnectionActivity::default());
        connection.set_instrumentation(activity.instrumentation());
        Ok(ManagedConnection {
            connection,
            activity,
            discard: false,
            failure: None,
            has_english_messages: true,
            transaction_settings: Arc::clone(&self.transaction_settings),
            is_set_up: false,
            _open_count: OpenCount::new(&self.open),
        })
    }

    /// Does nothing, because the first statement of each piece of work shows whether the connection works.
    fn is_valid(&self, _: &mut ManagedConnection) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut ManagedConnection) -> bool {
        pooled.is_unusable()
    }
}

/// The pool of connections. r2d2 cannot take a connection back from a thread that blocks in libpq, so the whole pool is
/// replaced instead: a connection that hangs keeps its place in the old pool, which is dropped with its last
/// connection, and the new pool has its full size.
pub(super) struct ReplaceablePool {
    manager: ConnectionManager,
    size: u32,
    wait_limit: Duration,
    current: Mutex<Current>,
}

struct Current {
    pool: Pool<ConnectionManager>,
    since: Instant,
}

impl ReplaceablePool {
    /// Creates the pool without opening a connection. [`open`](Self::open) fails after `wait_limit` without a
    /// connection.
    pub(super) fn new(manager: ConnectionManager, size: u32, wait_limit: Duration) -> Self {
        let current = Current { pool: new_r2d2_pool(&manager, size, wait_limit), since: Instant::now() };
        Self { manager, size, wait_limit, current: Mutex::new(current) }
    }

    /// The number of unused connections.
    pub(super) fn idle(&self) -> u32 {
        self.pool().state().idle_connections
    }

    /// Takes an open, unused connection. Does not block.
    pub(super) fn take(&self) -> Option<r2d2::PooledConnection<ConnectionManager>> {
        self.pool().try_get()
    }

    /// Takes an unused connection or opens a new one. r2d2 connects on its own threads and retries until the deadline.
    /// If there is no connection by then, r2d2's threads may hang, so the pool is replaced for the next caller.
    pub(super) fn open(
        &self,
        deadline: Instant,
    ) -> Result<r2d2::PooledConnection<ConnectionManager>, DatabaseError> {
        let opened = self.pool().get_timeout(deadline.saturating_duration_since(Instant::now()));
        opened.map_err(|error| {
            self.replace_if(|current| current.since.elapsed() > self.wait_limit);
            error.into()
        })
    }

    /// Replaces every connection; those in use are closed when their work is done. Called when one connection leads to
    /// the wrong server or does not answer, because the others were opened to the same server.
    pub(super) fn replace_all(&self) {
        // If several connections hang at once, only the first one causes a replacement.
        self.replace_if(|current| current.pool.state().connections > 0);
    }

    fn pool(&self) -> Pool<ConnectionManager> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    fn replace_if(&self, is_due: impl FnOnce(&Current) -> bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_due(&current) {
            return;
        }
        let fresh =
            Current { pool: new_r2d2_pool(&self.manager, self.size, self.wait_limit), since: Instant::now() };
        let old = std::mem::replace(&mut *current, fresh);
        drop(current);
        // Closing a connection sends a message to the server, so it happens outside the lock.
        drop(old);
    }
}

fn new_r2d2_pool(manager: &ConnectionManager, size: u32, wait_limit: Duration) -> Pool<ConnectionManager> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        // Limits the pause between two attempts to connect.
        .connection_timeout(wait_limit)
        // The first statement of each piece of work shows whether the connection works.
        .test_on_check_out(false)
        // The caller that waits for the connection logs the error.
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(manager.clone())
}

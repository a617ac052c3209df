//! A pooled connection, and the manager that opens it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection, TransactionManager};
use diesel::sql_types::{Integer, Text};
use diesel::{PgConnection, RunQueryDsl};

use super::error::Trouble;
use super::flight::Bounds;
use super::manager::{Target, connect_postgres, open_sqlite, set_up_postgres, settings_of_a_transaction};
use super::pulse::Pulse;
use super::{Backend, DatabaseError, DatabaseSettings, DbConnection, Pooler};

/// The time that the server has after its own time-out to report it.
const MARGIN: Duration = Duration::from_secs(2);

/// The time limit of the first response on a connection, whose statement does no work.
const OPENING: Duration = Duration::from_secs(2);

/// What a connection is used for. The difference matters for SQLite only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

pub(super) struct Pooled {
    pub(super) connection: DbConnection,
    pub(super) pulse: Arc<Pulse>,
    /// Set when the connection must not be used again; the pool then opens another one.
    pub(super) discard: bool,
    /// Why the last work failed, if the database was the reason.
    pub(super) trouble: Option<Trouble>,
    /// Whether the server's error messages are in English.
    pub(super) speaks_english: bool,
    /// The statements that follow `BEGIN`; empty where the session keeps its settings.
    pub(super) settings_of_a_transaction: Arc<str>,
    /// Whether the session parameters were set.
    is_set_up: bool,
    _counted: Counted,
}

impl Pooled {
    /// Whether reads need a transaction too.
    pub(super) fn begins_reads(&self) -> bool {
        !self.settings_of_a_transaction.is_empty()
    }

    /// Whether the connection must not be used again.
    pub(super) fn is_unusable(&mut self) -> bool {
        type Manager = <DbConnection as Connection>::TransactionManager;
        let is_spoilt = matches!(self.trouble, Some(Trouble::Gone | Trouble::Standby | Trouble::Pooler));
        self.discard || is_spoilt || Manager::is_broken_transaction_manager(&mut self.connection)
    }
}

/// An open connection, counted until it is closed.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn new(open: &Arc<AtomicU32>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens connections.
#[derive(Clone)]
pub(super) struct Manager {
    target: Target,
    settings: Arc<DatabaseSettings>,
    role: Role,
    settings_of_a_transaction: Arc<str>,
    open: Arc<AtomicU32>,
    has_told_language: Arc<AtomicBool>,
}

impl Manager {
    pub(super) fn new(target: Target, settings: Arc<DatabaseSettings>, role: Role) -> Self {
        let settings_of_a_transaction = match target.backend() {
            Backend::Postgres => settings_of_a_transaction(&settings).into(),
            Backend::Sqlite => "".into(),
        };
        let (open, has_told_language) = (Arc::default(), Arc::default());
        Self { target, settings, role, settings_of_a_transaction, open, has_told_language }
    }

    /// Opens a connection outside the pool and sets it up. Blocks for as long as [`bounds`](Self::bounds) allows, or
    /// longer if the server hangs.
    pub(super) fn open(&self) -> Result<Pooled, DatabaseError> {
        let mut pooled = r2d2::ManageConnection::connect(self)?;
        self.set_up(&mut pooled)?;
        Ok(pooled)
    }

    /// Sets up a new connection before its first use. Does nothing the second time.
    pub(super) fn set_up(&self, pooled: &mut Pooled) -> Result<(), DatabaseError> {
        if pooled.is_set_up {
            return Ok(());
        }
        if let DbConnection::Postgres(connection) = &mut pooled.connection {
            set_up_postgres(connection, &self.settings)?;
            pooled.speaks_english = self.learn_language(connection)?;
        }
        pooled.is_set_up = true;
        Ok(())
    }

    /// Whether the server's error messages are in English. If not, sets the language for this session. Only a superuser
    /// may do that, or a role with `GRANT SET ON PARAMETER lc_messages`.
    fn learn_language(&self, connection: &mut PgConnection) -> Result<bool, DatabaseError> {
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
        let asks = self.settings.pooler == Pooler::None;
        if asks && connection.batch_execute("SET lc_messages = 'C'").is_ok() {
            return Ok(true);
        }
        if !self.has_told_language.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                language = language.name,
                "PostgreSQL words its errors in another language, so not every passing one can be told apart: \
                 have a superuser run ALTER ROLE … SET lc_messages = 'C' for the role of database.url"
            );
        }
        Ok(false)
    }

    /// Whether there is a pooler in transaction mode: two connections then share a server process. Best effort: it is
    /// not detected while other clients keep the pooler busy.
    pub(super) fn is_pooled_by_transaction(&self) -> Result<bool, DatabaseError> {
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
    pub(super) fn bounds(&self) -> Bounds {
        let settings = &self.settings;
        let lock = Duration::from_millis(settings.lock_timeout_ms.into());
        let statement = Duration::from_millis(settings.statement_timeout_ms.into()).max(lock) + MARGIN;
        let connect = self.target.connect_limit(settings);
        let opening = match (self.target.backend(), settings.pooler) {
            (Backend::Postgres, Pooler::None) => OPENING,
            // Behind a pooler, the first statement may have to wait for a server process.
            (Backend::Postgres, Pooler::Transaction) => statement,
            // A write transaction waits for the file's lock.
            (Backend::Sqlite, _) => lock + MARGIN,
        };
        Bounds { connect: connect + MARGIN, opening, statement }
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

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = DatabaseError;

    /// Connects without sending a statement, so that the watch over the waiting work covers the first response.
    fn connect(&self) -> Result<Pooled, DatabaseError> {
        let mut connection = match &self.target {
            Target::Postgres(info) => DbConnection::Postgres(connect_postgres(info)?),
            Target::Sqlite(path) => DbConnection::Sqlite(open_sqlite(path, &self.settings, self.role)?),
        };
        let pulse = Arc::new(Pulse::default());
        connection.set_instrumentation(pulse.listener());
        Ok(Pooled {
            connection,
            pulse,
            discard: false,
            trouble: None,
            speaks_english: true,
            settings_of_a_transaction: Arc::clone(&self.settings_of_a_transaction),
            is_set_up: false,
            _counted: Counted::new(&self.open),
        })
    }

    /// Does nothing, because the first statement of each piece of work shows whether the connection works.
    fn is_valid(&self, _: &mut Pooled) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.is_unusable()
    }
}

//! A connection as the pool keeps it, and who opens it.

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

/// The time in which the server may tell us itself that it gave up, after its own time-out.
const MARGIN: Duration = Duration::from_secs(2);

/// For the first answer on a connection, which asks for nothing that takes time.
const OPENING: Duration = Duration::from_secs(2);

/// What a connection is for; SQLite tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

pub(super) struct Pooled {
    pub(super) connection: DbConnection,
    pub(super) pulse: Arc<Pulse>,
    /// Set when the connection leads to the wrong place: the pool opens another one.
    pub(super) discard: bool,
    /// Why the last piece of work failed, if the database was the reason.
    pub(super) trouble: Option<Trouble>,
    /// Whether the words of its errors can be understood.
    pub(super) speaks_english: bool,
    /// Follows `BEGIN`; empty where the session keeps its settings.
    pub(super) settings_of_a_transaction: Arc<str>,
    /// Whether the server has its settings for this session.
    is_set_up: bool,
    _counted: Counted,
}

impl Pooled {
    /// Whether reading takes a transaction too.
    pub(super) fn begins_reads(&self) -> bool {
        !self.settings_of_a_transaction.is_empty()
    }

    /// Whether it must not be used again.
    pub(super) fn is_unusable(&mut self) -> bool {
        type Manager = <DbConnection as Connection>::TransactionManager;
        let is_spoilt = matches!(self.trouble, Some(Trouble::Gone | Trouble::Standby | Trouble::Pooler));
        self.discard || is_spoilt || Manager::is_broken_transaction_manager(&mut self.connection)
    }
}

/// One open connection, counted until it is closed.
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

    /// Opens a connection and prepares it, on no pool. Blocks for as long as [`bounds`](Self::bounds) says, or longer if
    /// the server hangs.
    pub(super) fn open(&self) -> Result<Pooled, DatabaseError> {
        let mut pooled = r2d2::ManageConnection::connect(self)?;
        self.set_up(&mut pooled)?;
        Ok(pooled)
    }

    /// What a new connection needs before its first work, and no connection twice.
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

    /// Whether the server words its errors in English. If not, it is asked to for this session, which only a superuser
    /// may, or a role that was granted `SET ON PARAMETER lc_messages`.
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

    /// Whether a pooler in transaction mode answers: two connections then share a server process. Best effort: it is
    /// not noticed while others keep the pooler busy.
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

    /// How long each wait for the database may take.
    pub(super) fn bounds(&self) -> Bounds {
        let settings = &self.settings;
        let lock = Duration::from_millis(settings.lock_timeout_ms.into());
        let statement = Duration::from_millis(settings.statement_timeout_ms.into()).max(lock) + MARGIN;
        let connect = self.target.connect_limit(settings);
        let opening = match (self.target.backend(), settings.pooler) {
            (Backend::Postgres, Pooler::None) => OPENING,
            // The first answer may have to wait for a server process.
            (Backend::Postgres, Pooler::Transaction) => statement,
            // A write transaction waits for the file's lock.
            (Backend::Sqlite, _) => lock + MARGIN,
        };
        Bounds { connect: connect + MARGIN, opening, statement }
    }

    /// Whether connections lead to a server, which may go away.
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

    /// Connects and asks for nothing: what the server owes an answer to is watched by the piece of work that waits.
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

    /// Not asked: the first statement of each piece of work shows it.
    fn is_valid(&self, _: &mut Pooled) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.is_unusable()
    }
}

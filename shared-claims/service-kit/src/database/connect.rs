//! A connection to either of the two databases: how it is opened, and its session parameters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::{Connection, PgConnection, SqliteConnection};

use super::sqlite_copy::name_for_sqlite;
use super::url::ConnectionInfo;
use super::{DatabaseError, DatabaseSettings, Pooler};

/// A connection to the database that the URL names.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// The supported databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL, a server that several replicas can share.
    Postgres,
    /// SQLite, a file on this machine.
    Sqlite,
}

impl DbConnection {
    /// The database behind this connection. Match on it where the SQL has to differ.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Postgres(_) => Backend::Postgres,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }
}

/// The database that the URL names.
#[derive(Clone)]
pub(super) enum Target {
    Postgres(ConnectionInfo),
    Sqlite(PathBuf),
}

impl Target {
    /// Parses `database.url`. The error says what is allowed and never contains the URL.
    pub(super) fn parse(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let url = settings.url.expose();
        if let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) {
            let mut info = ConnectionInfo::parse(rest).map_err(|invalid| refused(&invalid.to_string()))?;
            check_tls(&info)?;
            set_defaults(&mut info, settings);
            return Ok(Self::Postgres(info));
        }
        let Some(path) = url.strip_prefix("sqlite://") else {
            return Err(refused("postgres://user:password@host/name or sqlite://path/to/file.db"));
        };
        if path.is_empty()
            || path.ends_with('/')
            || path.contains(['?', '#', '\0'])
            || path.contains(":memory:")
        {
            return Err(refused("sqlite:// followed by the path of a file, without parameters"));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    /// How long libpq may take to connect: it tries the hosts one after the other, each with its own time-out.
    pub(super) fn connect_limit(&self, settings: &DatabaseSettings) -> Duration {
        let seconds = settings.connect_timeout_seconds;
        match self {
            Self::Postgres(info) => {
                let of_url = info.get("connect_timeout").and_then(|seconds| seconds.parse().ok());
                let seconds = of_url.filter(|seconds| (1..=3600).contains(seconds)).unwrap_or(seconds);
                let hosts = info.get("host").map_or(1, |hosts| hosts.split(',').count());
                Duration::from_secs(seconds.into()) * u32::try_from(hosts).unwrap_or(u32::MAX).min(16)
            }
            Self::Sqlite(_) => Duration::from_secs(seconds.into()),
        }
    }

    pub(super) fn backend(&self) -> Backend {
        match self {
            Self::Postgres(_) => Backend::Postgres,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }
}

fn refused(allowed: &str) -> DatabaseError {
    DatabaseError::Settings(allowed.to_owned())
}

/// Without OpenSSL, libpq would report an invalid *value* of `sslmode`. This check reports the real cause.
fn check_tls(info: &ConnectionInfo) -> Result<(), DatabaseError> {
    if cfg!(feature = "postgres-tls") {
        return Ok(());
    }
    match info.get("sslmode") {
        Some(mode @ ("require" | "verify-ca" | "verify-full")) => Err(refused(&format!(
            "no sslmode={mode} in this build: TLS to PostgreSQL needs the cargo feature `postgres-tls`"
        ))),
        _ => Ok(()),
    }
}

/// Sets parameters that the URL does not contain, so that a server that is gone is noticed within seconds instead of
/// two hours.
fn set_defaults(info: &mut ConnectionInfo, settings: &DatabaseSettings) {
    info.set_default("connect_timeout", &settings.connect_timeout_seconds.to_string());
    info.set_default("application_name", "latchkey");
    info.set_default("keepalives_idle", "5");
    info.set_default("keepalives_interval", "2");
    info.set_default("keepalives_count", "2");
    info.set_default("tcp_user_timeout", "4000");
}

/// Connects to PostgreSQL. libpq limits the time: see [`Target::connect_limit`].
pub(super) fn connect_postgres(info: &ConnectionInfo) -> Result<PgConnection, DatabaseError> {
    PgConnection::establish(&info.to_libpq()).map_err(|error| match error {
        // libpq was given keywords and not a URL, so its message is about the connection.
        diesel::ConnectionError::BadConnection(message) => {
            DatabaseError::of_connecting(info.censor(&message))
        }
        _ => DatabaseError::Refused("libpq refused the parameters of database.url".to_owned()),
    })
}

/// Sets the session parameters. Behind a pooler in transaction mode no session parameter may be set and no statement
/// may be named, because the next transaction may run in another server process.
pub(super) fn set_up_postgres(
    connection: &mut PgConnection,
    settings: &DatabaseSettings,
) -> Result<(), DatabaseError> {
    match settings.pooler {
        Pooler::None => {
            let [statement, lock, idle] = time_outs(settings);
            connection.batch_execute(&format!("SET {statement}; SET {lock}; SET {idle}"))?;
        }
        Pooler::Transaction => connection.set_prepared_statement_cache_size(CacheSize::Disabled),
    }
    Ok(())
}

/// The settings that a transaction makes itself where the session cannot keep them.
pub(super) fn transaction_settings(settings: &DatabaseSettings) -> String {
    match settings.pooler {
        Pooler::None => String::new(),
        Pooler::Transaction => {
            let [statement, lock, idle] = time_outs(settings);
            format!("; SET LOCAL {statement}; SET LOCAL {lock}; SET LOCAL {idle}")
        }
    }
}

/// The time-outs of the server. A transaction without further statements may hold locks, so the server ends it as soon
/// as the service would have given up its connection.
fn time_outs(settings: &DatabaseSettings) -> [String; 3] {
    let idle = settings.statement_timeout_ms.max(settings.lock_timeout_ms).saturating_add(2_000);
    [
        format!("statement_timeout = {}", settings.statement_timeout_ms),
        format!("lock_timeout = {}", settings.lock_timeout_ms),
        format!("idle_in_transaction_session_timeout = {idle}"),
    ]
}

/// `synchronous` is FULL: in WAL mode, NORMAL syncs only at checkpoints, so an acknowledged commit could be lost in a
/// power failure. That must not happen to a revocation.
pub(super) fn open_sqlite(
    path: &Path,
    settings: &DatabaseSettings,
    role: super::connections::Role,
) -> Result<SqliteConnection, DatabaseError> {
    let mut connection = SqliteConnection::establish(&name_for_sqlite(path)?)
        .map_err(|error| DatabaseError::Refused(error.to_string().replace('\n', "; ")))?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {}", settings.lock_timeout_ms))?;
    connection.batch_execute("PRAGMA foreign_keys = ON")?;
    match role {
        super::connections::Role::Writer => {
            connection.batch_execute("PRAGMA journal_mode = WAL")?;
            connection.batch_execute("PRAGMA synchronous = FULL")?;
        }
        // A write on a reader's connection could fail with SQLITE_BUSY under load, so it is always refused.
        super::connections::Role::Reader => connection.batch_execute("PRAGMA query_only = ON")?,
    }
    Ok(connection)
}

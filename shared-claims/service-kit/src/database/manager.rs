//! Opens connections: what the URL names, set up as this house wants them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::{Connection, PgConnection, SqliteConnection};

use super::url::ConnectionInfo;
use super::{Backend, DatabaseError, DatabaseSettings, Pooler};

/// What the URL names.
#[derive(Clone)]
pub(super) enum Target {
    Postgres(ConnectionInfo),
    Sqlite(PathBuf),
}

impl Target {
    /// Reads `database.url`. The error says what is allowed and never repeats the URL.
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

    /// How long libpq may take to connect: it tries one host after the other, each for its time-out.
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

/// Without OpenSSL libpq would say that the *value* of `sslmode` is invalid; say what is really missing.
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

/// Parameters that the URL leaves open: a server that is gone is noticed in seconds, not in two hours.
fn set_defaults(info: &mut ConnectionInfo, settings: &DatabaseSettings) {
    info.set_default("connect_timeout", &settings.connect_timeout_seconds.to_string());
    info.set_default("application_name", "latchkey");
    info.set_default("keepalives_idle", "5");
    info.set_default("keepalives_interval", "2");
    info.set_default("keepalives_count", "2");
    info.set_default("tcp_user_timeout", "4000");
}

/// Connects to PostgreSQL. libpq bounds it: see [`Target::connect_limit`].
pub(super) fn connect_postgres(info: &ConnectionInfo) -> Result<PgConnection, DatabaseError> {
    let unreachable = |error: diesel::ConnectionError| {
        DatabaseError::Unavailable(match error {
            // libpq had keywords and no URL, so what it says is of the connection.
            diesel::ConnectionError::BadConnection(message) => info.censor(&message),
            _ => "libpq refused the parameters of database.url".to_owned(),
        })
    };
    PgConnection::establish(&info.to_libpq()).map_err(unreachable)
}

/// Behind a pooler in transaction mode nothing may be set for the session, and no statement gets a name: the next
/// transaction may meet another server process.
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

/// What a transaction sets for itself where the session cannot keep it.
pub(super) fn settings_of_a_transaction(settings: &DatabaseSettings) -> String {
    match settings.pooler {
        Pooler::None => String::new(),
        Pooler::Transaction => {
            let [statement, lock, idle] = time_outs(settings);
            format!("; SET LOCAL {statement}; SET LOCAL {lock}; SET LOCAL {idle}")
        }
    }
}

/// The time-outs of the server. A transaction that hears no more from us, and may hold locks, ends as soon as we would
/// have given up the connection.
fn time_outs(settings: &DatabaseSettings) -> [String; 3] {
    let idle = settings.statement_timeout_ms.max(settings.lock_timeout_ms).saturating_add(2_000);
    [
        format!("statement_timeout = {}", settings.statement_timeout_ms),
        format!("lock_timeout = {}", settings.lock_timeout_ms),
        format!("idle_in_transaction_session_timeout = {idle}"),
    ]
}

/// `synchronous` is FULL: in WAL mode NORMAL syncs at checkpoints only, and a commit that was answered could be gone
/// after a loss of power. A revocation must not be.
pub(super) fn open_sqlite(
    path: &Path,
    settings: &DatabaseSettings,
    role: super::pooled::Role,
) -> Result<SqliteConnection, DatabaseError> {
    let file = path.to_str().ok_or_else(|| refused("a path in UTF-8"))?;
    // SQLite reads a leading `file:` as a URI, and Diesel a leading scheme: `./` makes either a plain path.
    let file = if path.is_absolute() { file.to_owned() } else { format!("./{file}") };
    let mut connection = SqliteConnection::establish(&file)
        .map_err(|error| DatabaseError::Unavailable(error.to_string().replace('\n', "; ")))?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {}", settings.lock_timeout_ms))?;
    connection.batch_execute("PRAGMA foreign_keys = ON")?;
    match role {
        super::pooled::Role::Writer => {
            connection.batch_execute("PRAGMA journal_mode = WAL")?;
            connection.batch_execute("PRAGMA synchronous = FULL")?;
        }
        // A write outside the writer's turn would meet SQLITE_BUSY under load: refuse it always.
        super::pooled::Role::Reader => connection.batch_execute("PRAGMA query_only = ON")?,
    }
    Ok(connection)
}

/// Makes the file and its folder, readable for their owner alone.
pub(super) fn prepare_sqlite(path: &Path) -> Result<(), DatabaseError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let failed = |what: &Path, error: &std::io::Error| {
        DatabaseError::Settings(format!("cannot create {}: {error}", what.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| failed(folder, &error))?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path, &error)),
    }
}

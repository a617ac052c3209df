//! The settings under `database.`.

use serde::{Deserialize, Serialize};

use crate::config::{InvalidSetting, UrlWithSecret, Validate, in_range};

/// Where the database is, and how much load the service puts on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host/name`, or `sqlite://path/to/file.db` (`sqlite:///` for an absolute path).
    pub url: UrlWithSecret,
    /// The number of connections: on PostgreSQL all of them, on SQLite the readers (there is one writer in addition).
    pub pool_size: u32,
    /// How many pieces of work may wait for a connection. Further work is refused.
    pub queue_limit: u32,
    /// How long work may wait for a connection.
    pub wait_ms: u64,
    /// How long PostgreSQL may take to accept a connection.
    pub connect_timeout_seconds: u32,
    /// How long the start of a server waits for a database that cannot be reached. 0: not at all.
    pub start_wait_seconds: u32,
    /// How long one statement may run on PostgreSQL.
    pub statement_timeout_ms: u32,
    /// How long a statement may wait for a lock: on a row of PostgreSQL, on the file of SQLite.
    pub lock_timeout_ms: u32,
    /// The kind of pooler between the service and PostgreSQL.
    pub pooler: Pooler,
}

/// The kind of pooler between the service and PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// No pooler, or one in session mode: a connection uses the same server process for its whole life.
    #[default]
    None,
    /// A pooler in transaction mode: each transaction may use another server process. No session parameter is set and
    /// no statement is named.
    Transaction,
}

impl DatabaseSettings {
    /// The default settings for a database at this URL.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: UrlWithSecret::new(url),
            pool_size: 8,
            queue_limit: 512,
            wait_ms: 2_000,
            connect_timeout_seconds: 5,
            start_wait_seconds: 300,
            statement_timeout_ms: 10_000,
            lock_timeout_ms: 5_000,
            pooler: Pooler::None,
        }
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self::at("sqlite://data/service.db")
    }
}

impl Validate for DatabaseSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        super::connect::Target::parse(self).map_err(|error| InvalidSetting::new("url", error.to_string()))?;
        in_range("pool_size", self.pool_size, 1..=200)?;
        in_range("queue_limit", self.queue_limit, 1..=100_000)?;
        in_range("wait_ms", self.wait_ms, 10..=60_000)?;
        in_range("connect_timeout_seconds", self.connect_timeout_seconds, 1..=120)?;
        in_range("start_wait_seconds", self.start_wait_seconds, 0..=86_400)?;
        in_range("statement_timeout_ms", self.statement_timeout_ms, 100..=600_000)?;
        in_range("lock_timeout_ms", self.lock_timeout_ms, 100..=600_000)
    }
}

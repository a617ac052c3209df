//! The connection that is either of the two.

use diesel::{PgConnection, SqliteConnection};

/// A connection to whichever back end the URL named.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// The two back ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL, a server that several replicas share.
    Postgres,
    /// SQLite, a file of this machine.
    Sqlite,
}

impl DbConnection {
    /// The back end behind this connection: where SQL must differ, match on it.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Postgres(_) => Backend::Postgres,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }
}

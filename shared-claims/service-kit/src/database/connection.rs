//! A connection to either of the two databases.

use diesel::{PgConnection, SqliteConnection};

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

//! Migrations, applied by whichever process starts first.

use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::manager::{Manager, Pooled, Role};
use super::transaction::{self, WRITE};
use super::{Database, DatabaseError, DbConnection};

/// The advisory lock that replicas starting together take in turn: "latchkey" in ASCII.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// The migrations of one service, embedded for both back ends by `diesel_migrations::embed_migrations!`.
pub struct Migrations {
    /// Those for PostgreSQL.
    pub postgres: EmbeddedMigrations,
    /// Those for SQLite, under the same names.
    pub sqlite: EmbeddedMigrations,
}

impl Database {
    /// Applies what is not applied yet, and returns its names. Processes that start together wait for each other.
    pub async fn migrate(&self, migrations: Migrations) -> Result<Vec<String>, DatabaseError> {
        let manager = Manager {
            target: self.target.clone(),
            settings: self.settings.as_ref().clone(),
            role: Role::Writer,
        };
        let done = tokio::task::spawn_blocking(move || apply(&manager, migrations)).await;
        done.unwrap_or(Err(DatabaseError::Panicked))
    }
}

/// On a connection of its own: waiting for another replica's migration may take longer than a request may.
fn apply(manager: &Manager, migrations: Migrations) -> Result<Vec<String>, DatabaseError> {
    let mut pooled = Pooled { connection: manager.open()?, discard: false };
    match &mut pooled.connection {
        DbConnection::Postgres(inner) => {
            inner.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
            // Held by the session, and so released whenever the connection ends.
            inner.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))?;
            return run(inner, migrations.postgres);
        }
        DbConnection::Sqlite(inner) => inner.batch_execute("PRAGMA busy_timeout = 60000")?,
    }
    // The write lock of the file is the turn; each migration is a savepoint within.
    transaction::within(&mut pooled, WRITE, |connection| match connection {
        DbConnection::Sqlite(inner) => run(inner, migrations.sqlite),
        DbConnection::Postgres(_) => Ok(Vec::new()),
    })
}

fn run<C, DB>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<Vec<String>, DatabaseError>
where
    C: MigrationHarness<DB>,
    DB: diesel::backend::Backend,
{
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| DatabaseError::Migration(error.to_string());
    let pending = connection.pending_migrations(migrations).map_err(failed)?;
    let names = pending.iter().map(|migration| migration.name().to_string()).collect();
    connection.run_migrations(&pending).map_err(failed)?;
    Ok(names)
}

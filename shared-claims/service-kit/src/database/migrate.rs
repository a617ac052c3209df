//! Applies the migrations. The process that starts first does it.

use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Integer};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::pooled::{Manager, Pooled, Role};
use super::schema::Schema;
use super::transaction::{self, Way};
use super::{Database, DatabaseError, DbConnection};

/// The key of the advisory lock that lets only one starting replica migrate at a time: "latchkey" in ASCII.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// How long to wait for another process that migrates, milliseconds.
const WAIT_MS: u32 = 60_000;

/// The time limit of all migrations together.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// The migrations of one service, embedded for both databases by `diesel_migrations::embed_migrations!`.
pub struct Migrations {
    /// The migrations for PostgreSQL.
    pub postgres: EmbeddedMigrations,
    /// The migrations for SQLite, with the same names.
    pub sqlite: EmbeddedMigrations,
}

impl Database {
    /// Applies the missing migrations in one transaction and returns their names. Processes that start at the same time
    /// wait for each other. Refuses a schema that this release must not use.
    pub async fn migrate(&self, migrations: Migrations) -> Result<Vec<String>, DatabaseError> {
        let manager = self.migrator();
        self.blocking(LIMIT, move || apply(&manager, migrations)).await
    }

    /// For commands: checks that the schema is the one that this release needs. It changes nothing, because servers of
    /// another release may be running. An empty database gets its schema.
    pub async fn expect_schema(&self, migrations: Migrations) -> Result<(), DatabaseError> {
        let manager = self.migrator();
        let check = move || {
            let schema = Schema::read(&mut manager.open()?.connection, &migrations)?;
            if schema.is_empty() {
                return apply(&manager, migrations).map(drop);
            }
            schema.check()?;
            schema.expect_whole()
        };
        self.blocking(LIMIT, check).await
    }

    /// Opens its own connections, because waiting for another replica's migrations may take longer than a request may.
    fn migrator(&self) -> Manager {
        Manager::new(self.target.clone(), self.settings.clone(), Role::Writer)
    }
}

fn apply(manager: &Manager, migrations: Migrations) -> Result<Vec<String>, DatabaseError> {
    let mut pooled = manager.open()?;
    let schema = Schema::read(&mut pooled.connection, &migrations)?;
    schema.check()?;
    if schema.is_whole() {
        return Ok(Vec::new());
    }
    take_turn(&mut pooled)?;
    let lock_timeout_ms = manager.lock_timeout_ms();
    transaction::finish(&mut pooled, Way::Write, |connection| match connection {
        DbConnection::Postgres(inner) => {
            // A migration that waits for a table's lock also blocks all later users of the table, so it must not wait
            // for longer than a request may.
            inner.batch_execute(&format!("SET LOCAL lock_timeout = {lock_timeout_ms}"))?;
            run(inner, migrations.postgres)
        }
        DbConnection::Sqlite(inner) => run(inner, migrations.sqlite),
    })
}

/// Begins the transaction of the migrations as soon as no other process migrates.
fn take_turn(pooled: &mut Pooled) -> Result<(), DatabaseError> {
    let tell = |holder: i32| {
        tracing::warn!(
            holder,
            at_most_seconds = WAIT_MS / 1000,
            "waiting for another process that migrates the database"
        );
    };
    let refused = |holder: String| {
        let seconds = WAIT_MS / 1000;
        DatabaseError::Migration(format!("another process{holder} has held the lock for {seconds} s"))
    };
    if let DbConnection::Sqlite(_) = &pooled.connection {
        // On SQLite the write lock of the file makes other processes wait.
        return match transaction::begin(pooled, Way::Write) {
            Err(DatabaseError::Unavailable(_)) => {
                tell(0);
                pooled.connection.batch_execute(&format!("PRAGMA busy_timeout = {WAIT_MS}"))?;
                transaction::begin(pooled, Way::Write).map_err(|_| refused(String::new()))
            }
            begun => begun,
        };
    }
    transaction::begin(pooled, Way::Write)?;
    let connection = &mut pooled.connection;
    let limit_ms = LIMIT.as_millis();
    connection.batch_execute(&format!(
        "SET LOCAL statement_timeout = {limit_ms}; SET LOCAL lock_timeout = {WAIT_MS}"
    ))?;
    // The lock belongs to the transaction, because a pooler could keep a lock of the session when it passes the
    // connection on.
    let lock: Lock = diesel::sql_query(format!("SELECT pg_try_advisory_xact_lock({LOCK}) AS is_ours"))
        .get_result(connection)?;
    if lock.is_ours {
        return Ok(());
    }
    let holder: Holder = diesel::sql_query(HOLDER).get_result(connection)?;
    tell(holder.pid);
    let taken = connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"));
    taken.map_err(|_| refused(format!(" (server process {})", holder.pid)))
}

#[derive(diesel::QueryableByName)]
struct Lock {
    #[diesel(sql_type = Bool)]
    is_ours: bool,
}

#[derive(diesel::QueryableByName)]
struct Holder {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// The server process that holds [`LOCK`]; 0 if the lock was released meanwhile.
const HOLDER: &str = "SELECT coalesce(min(pid), 0) AS pid FROM pg_locks WHERE locktype = 'advisory' AND granted \
     AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = 7809651199139603833";

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

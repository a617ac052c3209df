//! Applies the migrations, and compares the schema of a database with the migrations of this release. The process that
//! starts first migrates.
//!
//! While replicas are replaced one by one, an older release continues to run on a newer schema, so it must also be able
//! to start on one. A migration that breaks older releases inserts its version into `required_migrations`. A release
//! refuses to start if it does not know a migration that is listed there.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Integer, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::connections::{ConnectionManager, ManagedConnection, Role};
use super::transaction::{self, AccessMode};
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
    pub async fn require_schema(&self, migrations: Migrations) -> Result<(), DatabaseError> {
        let manager = self.migrator();
        let check = move || {
            let schema = Schema::read(&mut manager.open()?.connection, &migrations)?;
            if schema.is_empty() {
                return apply(&manager, migrations).map(drop);
            }
            schema.check()?;
            schema.require_complete()
        };
        self.blocking(LIMIT, check).await
    }

    /// For a restored database: refuses a schema with migrations that this release does not know, even if servers of this
    /// release may run on it. It may have tables of which this release knows nothing, so not all in it would be ended.
    pub async fn refuse_newer_schema(&self, migrations: Migrations) -> Result<(), DatabaseError> {
        let manager = self.migrator();
        let check = move || Schema::read(&mut manager.open()?.connection, &migrations)?.refuse_newer();
        self.blocking(LIMIT, check).await
    }

    /// Opens its own connections, because waiting for another replica's migrations may take longer than a request may.
    fn migrator(&self) -> ConnectionManager {
        ConnectionManager::new(self.target.clone(), self.settings.clone(), Role::Writer)
    }
}

fn apply(manager: &ConnectionManager, migrations: Migrations) -> Result<Vec<String>, DatabaseError> {
    let mut pooled = manager.open()?;
    let schema = Schema::read(&mut pooled.connection, &migrations)?;
    schema.check()?;
    if schema.is_complete() {
        return Ok(Vec::new());
    }
    lock_migrations(&mut pooled)?;
    let lock_timeout_ms = manager.lock_timeout_ms();
    transaction::run(&mut pooled, AccessMode::Write, |connection| match connection {
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
fn lock_migrations(pooled: &mut ManagedConnection) -> Result<(), DatabaseError> {
    let log_waiting = |holder: i32| {
        tracing::warn!(
            holder,
            at_most_seconds = WAIT_MS / 1000,
            "waiting for another process that migrates the database"
        );
    };
    let lock_error = |holder: String| {
        let seconds = WAIT_MS / 1000;
        DatabaseError::Migration(format!("another process{holder} has held the lock for {seconds} s"))
    };
    if let DbConnection::Sqlite(_) = &pooled.connection {
        // On SQLite the write lock of the file makes other processes wait.
        return match transaction::begin(pooled, AccessMode::Write) {
            Err(DatabaseError::Unavailable(_)) => {
                log_waiting(0);
                pooled.connection.batch_execute(&format!("PRAGMA busy_timeout = {WAIT_MS}"))?;
                transaction::begin(pooled, AccessMode::Write).map_err(|_| lock_error(String::new()))
            }
            begun => begun,
        };
    }
    transaction::begin(pooled, AccessMode::Write)?;
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
    log_waiting(holder.pid);
    let taken = connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"));
    taken.map_err(|_| lock_error(format!(" (server process {})", holder.pid)))
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
        |error: Box<dyn std::error::Error + Send + Sync>| DatabaseError::of_migration(error.to_string());
    let pending = connection.pending_migrations(migrations).map_err(failed)?;
    let names = pending.iter().map(|migration| migration.name().to_string()).collect();
    connection.run_migrations(&pending).map_err(failed)?;
    Ok(names)
}

/// The migrations of a database and of this release, by version.
#[derive(Debug, Default)]
pub(super) struct Schema {
    is_empty: bool,
    /// Whether the oldest migration of this release was applied.
    has_oldest: bool,
    /// Names of migrations that the database lacks.
    missing: Vec<String>,
    /// Versions in the database that this release does not know.
    unknown: Vec<String>,
    /// The versions among `unknown` that a release must know.
    required: Vec<String>,
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    is_there: bool,
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

impl Schema {
    pub(super) fn read(
        connection: &mut DbConnection,
        migrations: &Migrations,
    ) -> Result<Self, DatabaseError> {
        let mut known = known(connection, migrations)?;
        let applied = versions(connection, "__diesel_schema_migrations")?;
        let required = versions(connection, "required_migrations")?;
        let has_oldest = known.first_key_value().is_some_and(|(oldest, _)| applied.contains(oldest));
        let is_known = |version: &String| known.contains_key(version);
        let unknown = applied.iter().filter(|version| !is_known(version)).cloned().collect();
        let required = required.into_iter().filter(|version| !is_known(version)).collect();
        known.retain(|version, _| !applied.contains(version));
        Ok(Self {
            is_empty: applied.is_empty(),
            has_oldest,
            missing: known.into_values().collect(),
            unknown,
            required,
        })
    }

    /// Whether no migration was ever applied.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether the database was made by this service, in this or another release.
    pub(super) fn is_of_this_service(&self) -> bool {
        self.has_oldest
    }

    /// Whether no migration is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns an error for a schema that this release must not use. Logs a warning for a newer one.
    pub(super) fn check(&self) -> Result<(), DatabaseError> {
        if !self.required.is_empty() {
            return Err(DatabaseError::Schema(format!(
                "the schema is too new for this release, which lacks the migrations {}: run a newer one",
                self.required.join(", ")
            )));
        }
        if !self.unknown.is_empty() {
            tracing::warn!(
                migrations = self.unknown.join(", "),
                "the schema is newer than this release: a newer one has applied migrations that this one does not know"
            );
        }
        Ok(())
    }

    /// Returns an error if a newer release has applied migrations.
    pub(super) fn refuse_newer(&self) -> Result<(), DatabaseError> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        Err(DatabaseError::Schema(format!(
            "the restored schema is newer than this release, which lacks the migrations {} and may not know all that has to \
             be ended in it: restore with the release that made the back-up, or a newer one",
            self.unknown.join(", ")
        )))
    }

    /// Returns an error if a migration is missing.
    pub(super) fn require_complete(&self) -> Result<(), DatabaseError> {
        if self.is_complete() {
            return Ok(());
        }
        Err(DatabaseError::Schema(format!(
            "the schema lacks the migrations {}: run the command `migrate` first",
            self.missing.join(", ")
        )))
    }
}

fn known(
    connection: &DbConnection,
    migrations: &Migrations,
) -> Result<BTreeMap<String, String>, DatabaseError> {
    fn names<DB: diesel::backend::Backend>(
        source: &impl MigrationSource<DB>,
    ) -> Result<BTreeMap<String, String>, DatabaseError> {
        let all = source.migrations().map_err(|error| DatabaseError::Migration(error.to_string()))?;
        let named = all.iter().map(|one| (one.name().version().to_string(), one.name().to_string()));
        Ok(named.collect())
    }
    match connection {
        DbConnection::Postgres(_) => names::<Pg>(&migrations.postgres),
        DbConnection::Sqlite(_) => names::<Sqlite>(&migrations.sqlite),
    }
}

/// The versions in this table; empty if the table does not exist.
fn versions(connection: &mut DbConnection, table: &str) -> Result<Vec<String>, DatabaseError> {
    let look = match connection {
        DbConnection::Postgres(_) => format!("SELECT to_regclass('{table}') IS NOT NULL AS is_there"),
        DbConnection::Sqlite(_) => {
            format!("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '{table}') AS is_there")
        }
    };
    let found: Found = diesel::sql_query(look).get_result(connection)?;
    if !found.is_there {
        return Ok(Vec::new());
    }
    let rows: Vec<Applied> =
        diesel::sql_query(format!("SELECT version FROM {table} ORDER BY version")).load(connection)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

//! Compares the schema of a database with the migrations of this release.
//!
//! While replicas are replaced one by one, an older release continues to run on a newer schema, so it must also be able
//! to start on one. A migration that breaks older releases inserts its version into `required_migrations`. A release
//! refuses to start if it does not know a migration that is listed there.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

use super::migrate::Migrations;
use super::{DatabaseError, DbConnection};

/// The migrations of a database and of this release, by version.
#[derive(Debug, Default)]
pub(super) struct Schema {
    is_empty: bool,
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
        let is_known = |version: &String| known.contains_key(version);
        let unknown = applied.iter().filter(|version| !is_known(version)).cloned().collect();
        let required = required.into_iter().filter(|version| !is_known(version)).collect();
        known.retain(|version, _| !applied.contains(version));
        Ok(Self { is_empty: applied.is_empty(), missing: known.into_values().collect(), unknown, required })
    }

    /// Whether no migration was ever applied.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether no migration is missing.
    pub(super) fn is_whole(&self) -> bool {
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

    /// Returns an error if a migration is missing.
    pub(super) fn expect_whole(&self) -> Result<(), DatabaseError> {
        if self.is_whole() {
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

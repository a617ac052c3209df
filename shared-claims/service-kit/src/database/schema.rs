//! What schema a database has, held against the one that this release knows.
//!
//! An older release goes on running on a newer schema while replicas are replaced one by one, and so it must start on
//! one, too. A migration that breaks older releases says so: it inserts its own version into `required_migrations`,
//! and a release that does not know a migration named there refuses to start.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

use super::migrate::Migrations;
use super::{DatabaseError, DbConnection};

/// The migrations of a database and of this release, by their versions.
#[derive(Debug, Default)]
pub(super) struct Schema {
    is_empty: bool,
    /// Names of migrations that this release has and the database has not.
    missing: Vec<String>,
    /// Versions that the database has and this release does not know.
    unknown: Vec<String>,
    /// Those of them that a release must know.
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

    /// Whether nothing was ever applied.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Refuses a schema that this release must not serve, and warns of one that is newer.
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

    /// Refuses a schema that lacks something.
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

/// The versions in a table of ours, none if there is no such table.
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

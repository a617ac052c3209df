//! What a back-up and a restore of an SQLite file have in common: the check of a file, and writes that last.

use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use super::connect::Target;
use super::migrate::Schema;
use super::{DatabaseError, DatabaseSettings, DbConnection, Migrations};

/// The path of the database.
pub(super) fn path(settings: &DatabaseSettings, instead: &str) -> Result<PathBuf, DatabaseError> {
    match Target::parse(settings)? {
        Target::Sqlite(path) => Ok(path),
        Target::Postgres(_) => Err(DatabaseError::Settings(format!(
            "this command is for SQLite, and database.url names PostgreSQL: use {instead}"
        ))),
    }
}

/// The error about a file, as one line.
pub(super) fn about(file: &Path, why: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Settings(format!("{}: {why}", file.display()))
}

/// The name with which SQLite opens a file. Without `./`, it would read a leading `file:` as the scheme of a URI.
pub(super) fn name_for_sqlite(path: &Path) -> Result<String, DatabaseError> {
    let name = path.to_str().ok_or_else(|| about(path, "the path has to be in UTF-8"))?;
    Ok(if path.is_absolute() { name.to_owned() } else { format!("./{name}") })
}

/// Opens a file as it is.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, DatabaseError> {
    SqliteConnection::establish(&name_for_sqlite(path)?).map_err(|error| about(path, error))
}

#[derive(diesel::QueryableByName)]
struct Checked {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

#[derive(diesel::QueryableByName)]
struct Violations {
    #[diesel(sql_type = BigInt)]
    violations: i64,
}

/// Reads every page of a file, and checks its references and whose it is. Returns its schema, which may be of another release.
/// `shown` is the name for errors.
pub(super) fn check(path: &Path, shown: &Path, migrations: &Migrations) -> Result<Schema, DatabaseError> {
    let damaged =
        |why: String| about(shown, format!("the database in it is damaged: {}", why.replace('\n', "; ")));
    let mut connection = open(path)?;
    let found: Vec<Checked> = diesel::sql_query("PRAGMA integrity_check(3)")
        .load(&mut connection)
        .map_err(|error| damaged(error.to_string()))?;
    let problems: Vec<_> =
        found.into_iter().map(|row| row.integrity_check).filter(|row| row != "ok").collect();
    if !problems.is_empty() {
        return Err(damaged(problems.join("; ")));
    }
    let found: Violations = diesel::sql_query("SELECT count(*) AS violations FROM pragma_foreign_key_check")
        .get_result(&mut connection)
        .map_err(|error| damaged(error.to_string()))?;
    if found.violations > 0 {
        return Err(damaged(format!("{} rows refer to rows that are not there", found.violations)));
    }
    let schema = Schema::read(&mut DbConnection::Sqlite(connection), migrations)?;
    if !schema.is_of_this_service() {
        return Err(about(shown, "it has no database of this service"));
    }
    Ok(schema)
}

/// Waits until what was written to a file is on the disk.
pub(super) fn sync(path: &Path) -> Result<(), DatabaseError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| about(path, error))
}

/// Waits until the names in the folder of this file are on the disk.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), DatabaseError> {
    sync(match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    })
}

//! The back-up of an SQLite file while services use it.
//!
//! `VACUUM INTO` copies one snapshot, whatever is written meanwhile. SQLite's backup API begins again with each write of
//! another process, so beside a busy server it would not end.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl;
use diesel::sql_types::Text;

use super::connect::open_sqlite;
use super::connections::Role;
use super::file_lock::{FileLock, with_suffix};
use super::sqlite_copy::{about, check, name_for_sqlite, path, sync, sync_folder_of};
use super::{DatabaseError, DatabaseSettings, Migrations};

/// What to use with PostgreSQL.
const INSTEAD: &str = "./scripts/compose-backup, or pg_dump -Fc";

/// Copies the database of `settings` into `file`, which appears when it is complete and was checked. Returns its size in
/// bytes. Only its owner can read it.
///
/// # Errors
/// If the file exists and `overwrite` is false, if the database is PostgreSQL or cannot be read, or if the copy is not sound.
pub async fn back_up(
    settings: &DatabaseSettings,
    migrations: Migrations,
    file: &Path,
    overwrite: bool,
) -> Result<u64, DatabaseError> {
    let (settings, file) = (settings.clone(), file.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy(&settings, &migrations, &file, overwrite)).await;
    copied.unwrap_or(Err(DatabaseError::Panicked))
}

fn copy(
    settings: &DatabaseSettings,
    migrations: &Migrations,
    file: &Path,
    overwrite: bool,
) -> Result<u64, DatabaseError> {
    let database = path(settings, INSTEAD)?;
    if !database.exists() {
        return Err(about(&database, "there is no database"));
    }
    refuse_part_of(&database, file)?;
    if file.exists() && !overwrite {
        return Err(about(file, "it exists; name another file, or allow it with --overwrite"));
    }
    let _lock = FileLock::shared(&database)?;
    let partial = Partial::create(file)?;
    let target = name_for_sqlite(&partial.path)?;
    let mut source = open_sqlite(&database, settings, Role::Writer)?;
    diesel::sql_query("VACUUM INTO ?")
        .bind::<Text, _>(target)
        .execute(&mut source)
        .map_err(|error| about(&partial.path, error))?;
    drop(source);
    let schema = check(&partial.path, &partial.path, migrations)?;
    schema.check().map_err(|error| about(&partial.path, error))?;
    partial.rename_to(file)
}

/// Refuses the database itself and the files that SQLite keeps beside it.
fn refuse_part_of(database: &Path, file: &Path) -> Result<(), DatabaseError> {
    let real = |path: &Path| path.canonicalize().ok();
    let parts = ["", "-wal", "-shm", "-journal", ".lock"].map(|suffix| with_suffix(database, suffix));
    if parts.iter().any(|part| part == file || (file.exists() && real(part) == real(file))) {
        return Err(about(file, "it is a part of the database"));
    }
    Ok(())
}

/// The file that is written, beside the one that it will be. It is deleted if it does not get there.
struct Partial {
    path: PathBuf,
    /// Locked, so that a second back-up into the same file ends with an error.
    file: File,
    is_in_place: bool,
}

impl Partial {
    fn create(file: &Path) -> Result<Self, DatabaseError> {
        let path = with_suffix(file, ".partial");
        let failed = |error: &dyn std::fmt::Display| about(&path, error);
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| failed(&error))?;
        file.try_lock().map_err(|_| failed(&"another back-up is writing it"))?;
        // The other one may have moved it to its place, before this one locked it.
        let is_same = path.metadata().ok().zip(file.metadata().ok());
        if is_same.is_none_or(|(named, held)| (named.dev(), named.ino()) != (held.dev(), held.ino())) {
            return Err(failed(&"another back-up was writing it"));
        }
        let partial = Self { path, file, is_in_place: false };
        // What a back-up left that was killed.
        partial.file.set_len(0).map_err(|error| about(&partial.path, error))?;
        Ok(partial)
    }

    fn rename_to(mut self, file: &Path) -> Result<u64, DatabaseError> {
        sync(&self.path)?;
        let bytes = self.file.metadata().map_err(|error| about(&self.path, error))?.len();
        std::fs::rename(&self.path, file).map_err(|error| about(file, error))?;
        self.is_in_place = true;
        sync_folder_of(file)?;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_in_place {
            // If it stays, the next back-up into the same file writes over it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

//! The restore of an SQLite file.
//!
//! The back-up is copied beside the database, where it is checked, brought to the current schema and changed by the service.
//! Only then it takes the database's place, in steps of which each leaves a state that is safe: the former database is
//! complete, or there is none and no process opens one ([`refuse_unfinished`]), or the restored one is complete.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use rustix::fs::{FlockOperation, fcntl_lock};
use tokio::time::Instant;

use super::file_lock::{FileLock, lock_file, with_suffix};
use super::sqlite_copy::{about, check, open, path, sync, sync_folder_of};
use super::sqlite_files::prepare_folder;
use super::{DatabaseError, DatabaseSettings, Migrations};
use crate::config::UrlWithSecret;

/// What to use with PostgreSQL.
const INSTEAD: &str = "./scripts/compose-restore, or pg_restore and after-restore";

/// The files that SQLite keeps beside a database, and without which it may lack what was committed last.
const COMPANIONS: [&str; 2] = ["-wal", "-journal"];

/// The end of the name of the copy.
const STAGED: &str = ".restoring";

/// How long connections to the copy may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

/// How often that is looked at.
const CLOSE_EVERY: Duration = Duration::from_millis(50);

/// A back-up that was copied beside the database and checked. No server can use the database until this is dropped; then the
/// copy is deleted.
pub struct StagedRestore {
    database: PathBuf,
    copy: PathBuf,
    settings: DatabaseSettings,
    keep_copy: bool,
    _lock: FileLock,
    /// SQLite's own lock on the former database, against programs that do not know ours.
    _former: Option<File>,
}

/// Copies a back-up beside the database of `settings`, and checks it.
///
/// # Errors
/// If the database is in use or is PostgreSQL, or if the file is not a sound database of this service, of this release or an
/// earlier one. Nothing is changed then.
pub async fn stage_restore(
    settings: &DatabaseSettings,
    migrations: Migrations,
    file: &Path,
) -> Result<StagedRestore, DatabaseError> {
    let (settings, file) = (settings.clone(), file.to_owned());
    let staged = tokio::task::spawn_blocking(move || stage(&settings, &migrations, &file)).await;
    staged.unwrap_or(Err(DatabaseError::Panicked))
}

fn stage(
    settings: &DatabaseSettings,
    migrations: &Migrations,
    file: &Path,
) -> Result<StagedRestore, DatabaseError> {
    let database = path(settings, INSTEAD)?;
    refuse_incomplete(file)?;
    let real = |path: &Path| path.canonicalize().ok();
    if real(&database).is_some_and(|database| Some(database) == real(file)) {
        return Err(about(file, "it is the database itself"));
    }
    prepare_folder(&database)?;
    let lock = FileLock::exclusive(&database)?;
    let former = lock_for_sqlite(&database)?;
    let copy = with_suffix(&database, STAGED);
    remove_copy(&copy);
    let url = UrlWithSecret::new(format!("sqlite://{}", copy.display()));
    let staged = StagedRestore {
        settings: DatabaseSettings { url, ..settings.clone() },
        // Where the former database was moved away already, it marks that this was not finished.
        keep_copy: !database.exists(),
        database,
        copy,
        _lock: lock,
        _former: former,
    };
    staged.copy_from(file)?;
    let schema = check(&staged.copy, file, migrations)?;
    schema.refuse_newer().map_err(|error| about(file, error))?;
    Ok(staged)
}

/// Refuses a file that needs another one: without its `-wal`, a copy of a database in use lacks what was committed last, and
/// whether the one beside it belongs to it cannot be known. What `backup` writes is complete.
fn refuse_incomplete(file: &Path) -> Result<(), DatabaseError> {
    let mut header = [0; 20];
    let read = File::open(file).and_then(|mut opened| opened.read_exact(&mut header));
    read.map_err(|error| about(file, format!("it cannot be read: {error}")))?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(about(file, "it is no SQLite database"));
    }
    let uses_wal = header.ends_with(&[2, 2]);
    let has = |suffix| with_suffix(file, suffix).metadata().is_ok_and(|metadata| metadata.len() > 0);
    if has("-journal") || (uses_wal && has("-wal")) {
        return Err(about(
            file,
            "it is a copy of a database in use, with another file beside it (-wal or -journal): use a file that the \
             command `backup` wrote",
        ));
    }
    Ok(())
}

/// Takes the lock with which SQLite writes. Fails while any program has the database open.
fn lock_for_sqlite(database: &Path) -> Result<Option<File>, DatabaseError> {
    let file = match OpenOptions::new().read(true).write(true).open(database) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| about(database, error))?,
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(about(database, "a program has it open: stop it first")),
    }
}

/// Refuses to open a database in whose place a restored one was being put.
pub(super) fn refuse_unfinished(database: &Path) -> Result<(), DatabaseError> {
    if !database.exists() && with_suffix(database, STAGED).exists() {
        return Err(about(database, "a restore was interrupted: run the command `restore` again"));
    }
    Ok(())
}

fn remove_copy(copy: &Path) {
    for suffix in ["-wal", "-shm", "-journal", ".lock", ""] {
        // What cannot be deleted fails the creation of the copy.
        let _ = std::fs::remove_file(with_suffix(copy, suffix));
    }
}

#[derive(diesel::QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

impl StagedRestore {
    /// The settings with which the copy is opened. Close it before it is put in place.
    pub fn settings(&self) -> DatabaseSettings {
        self.settings.clone()
    }

    fn copy_from(&self, file: &Path) -> Result<(), DatabaseError> {
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.copy);
        let mut copy = created.map_err(|error| about(&self.copy, error))?;
        let copied = File::open(file).and_then(|mut source| std::io::copy(&mut source, &mut copy));
        copied.and_then(|_| copy.sync_all()).map_err(|error| about(&self.copy, error))
    }

    /// Puts the copy in the place of the database, which is kept under the name that is returned: its own, followed by
    /// `.replaced-` and `stamp`.
    ///
    /// # Errors
    /// If a file cannot be renamed. If the former database was moved away by then, no process opens one until the restore was
    /// run again.
    pub async fn put_in_place(self, stamp: String) -> Result<Option<PathBuf>, DatabaseError> {
        let placed = tokio::task::spawn_blocking(move || self.place(&stamp)).await;
        placed.unwrap_or(Err(DatabaseError::Panicked))
    }

    fn place(mut self, stamp: &str) -> Result<Option<PathBuf>, DatabaseError> {
        self.close_copy()?;
        let suffix = format!(".replaced-{stamp}");
        let replaced = unused(&with_suffix(&self.database, &suffix));
        let moved = |from: &Path, to: &Path| match std::fs::rename(from, to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            done => done.map(|()| true).map_err(|error| about(from, error)),
        };
        self.keep_copy = true;
        // The database goes first: without it nobody reads its companions, and without them it would be an older state.
        let is_there = moved(&self.database, &replaced)?;
        let owner = if is_there { replaced.clone() } else { self.interrupted().unwrap_or(replaced) };
        let mut has_former = is_there;
        for companion in COMPANIONS {
            has_former |= moved(&with_suffix(&self.database, companion), &with_suffix(&owner, companion))?;
        }
        // SQLite makes it anew.
        let _ = std::fs::remove_file(with_suffix(&self.database, "-shm"));
        sync_folder_of(&self.database)?;
        moved(&self.copy, &self.database)?;
        sync_folder_of(&self.database)?;
        Ok(has_former.then_some(owner))
    }

    /// Brings the copy into one file, and waits until it is on the disk.
    fn close_copy(&self) -> Result<(), DatabaseError> {
        let mut connection = open(&self.copy)?;
        let deadline = Instant::now() + CLOSE_LIMIT;
        // Needs the file for itself, so it also shows that others have closed it. SQLite does not wait for that.
        let mode = loop {
            let changed = diesel::sql_query("PRAGMA journal_mode = DELETE");
            match changed.get_result::<JournalMode>(&mut connection) {
                Err(_) if Instant::now() < deadline => std::thread::park_timeout(CLOSE_EVERY),
                changed => break changed.map_err(|error| about(&self.copy, error))?.journal_mode,
            }
        };
        if mode != "delete" {
            return Err(about(&self.copy, format!("its journal mode stays {mode}")));
        }
        drop(connection);
        let _ = std::fs::remove_file(lock_file(&self.copy));
        sync(&self.copy)
    }

    /// The former database, if an interrupted restore moved it away and left its companions.
    fn interrupted(&self) -> Option<PathBuf> {
        let prefix = with_suffix(Path::new(self.database.file_name()?), ".replaced-");
        let prefix = prefix.to_str()?.to_owned();
        let entries = std::fs::read_dir(self.database.parent()?).ok()?.flatten();
        let is_database = |name: &String| {
            name.starts_with(&prefix) && !COMPANIONS.iter().any(|companion| name.ends_with(companion))
        };
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_database);
        let newest = self.database.with_file_name(names.max()?);
        let is_incomplete = !COMPANIONS.iter().any(|companion| with_suffix(&newest, companion).exists());
        is_incomplete.then_some(newest)
    }
}

/// The path, or the same with a number, that nothing has.
fn unused(path: &Path) -> PathBuf {
    let is_taken = |path: &PathBuf| path.exists() || with_suffix(path, "-wal").exists();
    let mut numbered = (2_u32..).map(|number| with_suffix(path, &format!(".{number}")));
    let first = path.to_owned();
    if is_taken(&first) { numbered.find(|path| !is_taken(path)).unwrap_or(first) } else { first }
}

impl Drop for StagedRestore {
    fn drop(&mut self) {
        if !self.keep_copy {
            remove_copy(&self.copy);
        }
    }
}

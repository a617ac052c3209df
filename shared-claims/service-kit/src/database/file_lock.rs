//! The lock on an SQLite file. Servers and commands share it for as long as they run, and a restore holds it alone. SQLite's
//! own locks do not tell who will use the file next.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::DatabaseError;

/// A lock that ends when it is dropped, or with the process.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock that servers and commands share.
    pub(super) fn shared(database: &Path) -> Result<Self, DatabaseError> {
        Self::take(database, File::try_lock_shared, "another process is restoring it")
    }

    /// Takes the lock alone.
    pub(super) fn exclusive(database: &Path) -> Result<Self, DatabaseError> {
        Self::take(database, File::try_lock, "a server or a command uses it: stop it first")
    }

    fn take(
        database: &Path,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
        is_held: &str,
    ) -> Result<Self, DatabaseError> {
        let refused = |why: String| DatabaseError::Settings(format!("{}: {why}", database.display()));
        let path = lock_file(database);
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| refused(format!("its lock file cannot be opened: {error}")))?;
        match lock(&file) {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(refused(is_held.to_owned())),
            Err(TryLockError::Error(error)) => Err(refused(format!("it cannot be locked: {error}"))),
        }
    }
}

/// The file that is locked. It is never deleted while the database is there: a lock on a deleted file keeps nobody away.
pub(super) fn lock_file(database: &Path) -> PathBuf {
    with_suffix(database, ".lock")
}

/// The path with this text after the file's name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

//! The files of an SQLite database: creates them, and finds out at the start whether this process may write them. SQLite
//! itself would say so at the first write only, and without the reason.

use std::ffi::OsString;
use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::DatabaseError;
use super::file_lock::FileLock;
use super::restore::refuse_unfinished;

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates the folder of the file, readable only by its owner.
pub(super) fn prepare_folder(path: &Path) -> Result<(), DatabaseError> {
    let folder = folder_of(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| unusable("create", folder, folder, &error))
}

/// Creates the file and its folder, readable only by their owner, and takes the lock that all users of the file share. Checks
/// that this process may write to them.
pub(super) fn prepare(path: &Path) -> Result<FileLock, DatabaseError> {
    let folder = folder_of(path);
    prepare_folder(path)?;
    // The first file that is created here; without the right to do so, the error says whose the folder is.
    if let Err(error) = require(folder, Access::WRITE_OK | Access::EXEC_OK) {
        let (what, file) = if path.exists() { ("write", folder) } else { ("create", path) };
        return Err(unusable(what, file, folder, &error));
    }
    for file in ["", "-wal", "-shm", ".lock"].map(|end| beside(path, end)) {
        match require(&file, Access::READ_OK | Access::WRITE_OK) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unusable("write", &file, folder, &error));
            }
            _ => {}
        }
    }
    let lock = FileLock::shared(path)?;
    refuse_unfinished(path)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(unusable("create", path, folder, &error));
        }
        _ => {}
    }
    Ok(lock)
}

/// Asks without opening the file: closing it would release the locks that this process holds on it (POSIX, `fcntl`).
fn require(path: &Path, access: Access) -> std::io::Result<()> {
    Ok(accessat(CWD, path, access, AtFlags::EACCESS)?)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn unusable(what: &str, path: &Path, folder: &Path, error: &std::io::Error) -> DatabaseError {
    let mut text = format!("cannot {what} {}: {error}", path.display());
    if error.kind() == ErrorKind::PermissionDenied {
        let existing = path.ancestors().find_map(|place| Some((place, place.metadata().ok()?)));
        if let Some((place, metadata)) = existing {
            text.push_str(&explained(place, &metadata, folder));
        }
    }
    DatabaseError::Settings(text)
}

fn explained(place: &Path, metadata: &Metadata, folder: &Path) -> String {
    let us = rustix::process::geteuid().as_raw();
    format!(
        "; {} belongs to user {}, group {} and has mode {:04o}, and this process is user {us}: run `chown -R {us} {}` (in \
         Docker on the folder or volume of the host that is mounted there)",
        place.display(),
        metadata.uid(),
        metadata.gid(),
        metadata.mode() & 0o7777,
        folder.display()
    )
}

//! Mails as files: one `.eml` a mail, for development and tests.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Listener, SendError};
use crate::mail::message::Mail;

pub(in crate::mail) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) async fn send(&self, mail: &Mail, listener: Listener<'_>) -> Result<(), SendError> {
        let (folder, name, bytes) = (self.path.clone(), format!("{}.eml", mail.id), mail.bytes.clone());
        let shown = folder.join(&name).display().to_string();
        let written = tokio::task::spawn_blocking(move || put(&folder, &name, &bytes)).await;
        match written.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(()) => {
                listener(&format!("Written to {shown}"));
                Ok(())
            }
            Err(error) => {
                listener(&format!("Writing {shown} failed: {error}"));
                Err(SendError {
                    is_final: false,
                    summary: format!("the mail cannot be written to the folder: {error}"),
                    advice: "look at mail.folder: the service must be able to write there",
                })
            }
        }
    }
}

/// Puts a file in place whole: whoever looks at the folder sees all of it or nothing. The file has a link with a token in it,
/// so nobody else may read it. The same mail at a second try replaces the first one.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, folder.join(name)));
    if written.is_err() {
        // It may not exist at all.
        let _ = fs::remove_file(&unfinished);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

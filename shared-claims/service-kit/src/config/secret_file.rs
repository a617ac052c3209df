//! Reads a file that holds a secret. If the file cannot be read, the error says whose file it is and who we are: in a
//! container, the owner and the mode of such a file are usually those that it has on the host.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;

use super::error::ConfigError;
use super::secret::trimmed;

/// Reads a secret's file and trims its content. `written` is the setting that names the file.
pub(super) fn read(written: &str, path: &str) -> Result<String, ConfigError> {
    let path = trimmed(path);
    let text = std::fs::read_to_string(path).map_err(|error| {
        let what = match error.kind() {
            ErrorKind::PermissionDenied => denied(path),
            _ => error.to_string(),
        };
        ConfigError::at(written, &format!("must name a readable text file: {what}"))
    })?;
    Ok(trimmed(&text).to_owned())
}

/// Explains why this process may not read the file.
fn denied(path: &str) -> String {
    let us = rustix::process::geteuid().as_raw();
    match std::fs::metadata(path) {
        Ok(file) => format!(
            "{path} belongs to user {}, group {} and has mode {:04o}, and this process is user {us}: run `chmod a+r` on the \
             file (in a folder that only its owner may open), or `chown {us}`",
            file.uid(),
            file.gid(),
            file.mode() & 0o7777
        ),
        Err(_) => format!("user {us}, as whom this process runs, may not open the folder of {path}"),
    }
}
